def test_up(cluster):
    assert cluster.admin.get("/version").status == 200
