"""Whether the certificates that a mesh signs with are there, sound, and of one root (MESH-160 to MESH-179)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

REMEDY = (
    "Make and apply them: `meshctl certs generate --out certs ...`, then `meshctl certs apply --from certs ...`, "
    "with the same `--east` and `--west`."
)

NO_CERTIFICATES = Check(
    "MESH-160",
    Category.TRUST,
    Severity.ERROR,
    "the primary has no cacerts",
    "The primary's istiod signs the certificates of every workload in the mesh, with the intermediate that it "
    "finds in the Secret istio-system/cacerts. Without the Secret it makes a root for itself, and starts to sign with "
    "that. A Secret that is made later is not looked at until istiod restarts, and then every certificate in the mesh "
    "has to be replaced.",
    REMEDY,
)

INCOMPLETE = Check(
    "MESH-161",
    Category.TRUST,
    Severity.ERROR,
    "the primary's cacerts are incomplete",
    "The Secret needs ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem (or tls.crt, tls.key and ca.crt), all "
    "of them readable PEM. istiod does not start with a part of them: its log says `incomplete signing CA bundle "
    "detected`.",
    REMEDY,
)

WRONG_KEY = Check(
    "MESH-162",
    Category.TRUST,
    Severity.ERROR,
    "the key in cacerts does not belong to the certificate",
    "ca-key.pem has to be the private key of ca-cert.pem, and readable without a password. Two directories that were "
    "mixed up, or a certificate that was renewed without its key, make istiod end as soon as it starts.",
    REMEDY,
)

BROKEN_CHAIN = Check(
    "MESH-163",
    Category.TRUST,
    Severity.ERROR,
    "the certificates in cacerts do not lead to the root",
    "From ca-cert.pem, over what is in cert-chain.pem, every certificate has to be signed by the next, up to one in "
    "root-cert.pem; cert-chain.pem begins with ca-cert.pem; and no certificate on the way may forbid the authorities "
    "under it (path length). Workloads present this chain, and their peers refuse it when it has a gap.",
    REMEDY,
)

NOT_VALID_NOW = Check(
    "MESH-164",
    Category.TRUST,
    Severity.ERROR,
    "a certificate in cacerts is not valid now",
    "A certificate between istiod's key and the root has expired, or is not valid yet; then every certificate under it "
    "is refused, by every peer, at once. One that is not valid yet often means that a clock is wrong: see MESH-104.",
    "Renew it under the same root where you can: workloads then go on without a restart. `meshctl certs generate` "
    "reuses the root that is in its folder.",
)

EXPIRES_SOON = Check(
    "MESH-165",
    Category.TRUST,
    Severity.WARNING,
    "a certificate in cacerts expires within 60 days",
    "Nothing is broken yet. When an authority expires, the whole mesh stops at that moment, and a root cannot be "
    "replaced within minutes: the old and the new one have to be trusted together for a while.",
    "Plan its renewal now. A new intermediate under the same root is taken up without a restart.",
)

OTHER_ROOT = Check(
    "MESH-166",
    Category.TRUST,
    Severity.ERROR,
    "a cluster has another root",
    "The cacerts of this cluster and of the primary have no root in common. A remote's istiod does not exist, so its "
    "Secret is read by nobody today; but either the clusters were meant for two meshes, or two folders were mixed up, "
    "and the clusters could never become two primaries that trust each other.",
    REMEDY + " `--force` replaces a root that is there; if you know better, skip this check.",
)

MIXED_ROOTS = Check(
    "MESH-167",
    Category.TRUST,
    Severity.WARNING,
    "clusters do not have the same set of roots",
    "root-cert.pem may hold several roots, as it does while a root is being replaced. One cluster has a root that "
    "another lacks. That is a state to pass through, not to stay in.",
    "Finish the replacement: give every cluster the same root-cert.pem.",
)

REMOTE_UNSOUND = Check(
    "MESH-168",
    Category.TRUST,
    Severity.WARNING,
    "a remote's cacerts are missing or not sound",
    "The guide asks for cacerts on every cluster. In a primary-remote mesh only the primary's are read, so nothing "
    "fails because of this; it would if the remote became a primary one day.",
    "Apply certificates of the same root, from the folder that has it: `meshctl certs apply --from certs ...`.",
)

SHARED_SIGNER = Check(
    "MESH-169",
    Category.TRUST,
    Severity.WARNING,
    "two clusters sign with the same certificate",
    "Each cluster should have an intermediate of its own under the common root. With a shared one, a key that is lost "
    "on one cluster is lost on all, and no log tells which cluster signed what.",
    REMEDY,
)

UNFIT = Check(
    "MESH-170",
    Category.TRUST,
    Severity.ERROR,
    "a certificate in cacerts is unfit",
    "A certificate is no authority (basicConstraints, keyUsage), has a key or a signature that is too weak (RSA below "
    "2048, SHA-1), calls itself a root without being one, or stands in one file with a private key that istiod would "
    "hand out to everybody. One that the chain does not pass through harms nobody, and is told as a warning.",
    REMEDY,
)

OTHER_ROOT_SERVED = Check(
    "MESH-171",
    Category.TRUST,
    Severity.WARNING,
    "istiod serves another root than is stored",
    "istiod reads cacerts when it starts, and takes up a new intermediate under the same root; another root it does "
    "not take. What it serves is in the ConfigMap istio-ca-root-cert, and that is not the root in the primary's "
    "cacerts: the Secret was replaced, or was made after istiod had signed with a root of its own. Nothing is broken "
    "yet. But the next restart of istiod, by an upgrade or a lost node, changes the root under every workload at once.",
    "Restart istiod at a time of your choice, then the gateways and all workloads; or put the old root back.",
)

ROOT_KEY_IN_USE = Check(
    "MESH-172",
    Category.TRUST,
    Severity.WARNING,
    "the key of the root is on the cluster",
    "istiod signs with the root itself, or with material that it has made by itself. It works, but whoever reads this "
    "one Secret owns the whole mesh for as long as the root is valid, and no other cluster can have an intermediate of "
    "its own.",
    REMEDY,
)

CHECKS = (
    NO_CERTIFICATES,
    INCOMPLETE,
    WRONG_KEY,
    BROKEN_CHAIN,
    NOT_VALID_NOW,
    EXPIRES_SOON,
    OTHER_ROOT,
    MIXED_ROOTS,
    REMOTE_UNSOUND,
    SHARED_SIGNER,
    UNFIT,
    OTHER_ROOT_SERVED,
    ROOT_KEY_IN_USE,
)
