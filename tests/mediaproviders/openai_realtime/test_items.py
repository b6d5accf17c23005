"""What can be cut of the agent's items, and where one can be put in the place of another."""

from mediaproviders.openai_realtime.items import ROOT, AgentItems, Order


def test_truncation_is_clamped_to_what_came():
    items = AgentItems(8)
    assert items.truncate("a", 5) is None
    items.add_audio("a", 800)
    assert items.truncate("a", 150) == 100
    assert not items.add_audio("a", 8)
    # Less can be heard than was told first, more cannot.
    assert items.truncate("a", 100) is None
    assert items.truncate("a", 40) == 40
    assert items.truncate("a", -1) == 0


def test_words_alone_make_an_item_that_can_be_cut():
    items = AgentItems(8)
    assert not items.cut("a")
    assert items.add_words("a")
    assert items.cut("a")
    assert not items.add_words("a")


def test_order_follows_the_service():
    order = Order()
    for item, after in (("a", None), ("b", "a"), ("d", "b"), ("c", "b"), ("x", "never heard of")):
        order.added(item, after)
    order.added("a", "x")
    assert order.replace("b") == ("b", "heard_1", "a")
    assert order.replace("c") == ("c", "heard_2", "heard_1")
    order.deleted("heard_1")
    assert order.replace("x") == ("x", "heard_3", "d")
    assert order.replace("a") == ("a", "heard_4", ROOT)
    assert order.replace("b") is None
    assert order.replace("unknown") is None


def test_a_replacement_can_be_replaced_and_removed():
    order = Order()
    order.added("a", None)
    assert order.replace("a") == ("a", "heard_1", ROOT)
    # The service's own word about it changes nothing.
    order.deleted("a")
    order.added("heard_1", None)
    assert order.replace("a") == ("heard_1", "heard_1a", ROOT)
    assert order.remove("a") == "heard_1a"
    assert order.remove("a") is None
