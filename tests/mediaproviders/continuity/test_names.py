from mediaproviders.continuity.names import Names


def test_ids_are_changed_only_if_they_collide():
    names = Names()
    assert names.unique("a") == names.unique("a") == "a"
    assert names.own("a") == "a"
    assert names.own("nobody") is None
    names.begin()
    assert names.own("a") is None
    assert names.unique("b") == "b"
    assert names.unique("a") == names.unique("a") == "a~1"
    assert names.own("a~1") == "a"
    assert names.earlier(0, "a") == "a"
    assert names.earlier(1, "a") == "a~1"
    assert names.earlier(0, "b") is None


def test_an_id_that_looks_like_a_changed_one():
    names = Names()
    names.unique("a")
    names.unique("a~1")
    names.begin()
    changed = names.unique("a")
    assert changed not in ("a", "a~1")
    assert names.own(changed) == "a"
