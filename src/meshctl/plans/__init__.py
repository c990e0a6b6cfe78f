"""The guide as code: each module reads like the headings of one chapter."""
