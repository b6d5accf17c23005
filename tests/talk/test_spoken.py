from mediaserver.talk.spoken import Record


def test_an_item_is_settled_by_text_and_playout_in_either_order() -> None:
    record = Record()
    assert record.text("a", "Good ", False) is None
    assert record.text("a", "Good morning.", True) is None
    settled = record.played("a")
    assert settled is not None and settled.heard_text == "Good morning."
    assert record.played("b") is None
    assert record.text("b", "Bye.", True) is not None


def test_a_cut_item_keeps_generated_and_heard_apart() -> None:
    record = Record()
    record.text("a", "One two three four", True)
    cut = record.cut("a", heard_ms=500, received_ms=1000)
    assert (cut.text, cut.heard_text) == ("One two three four", "One two")


def test_words_are_heard_whole_or_not_at_all() -> None:
    record = Record()
    record.text("a", "extraordinary weather", True)
    assert record.cut("a", 100, 1000).heard_text == ""
    record.text("b", "one two", True)
    assert record.cut("b", 1000, 1000).heard_text == "one two"


def test_text_without_audio_does_not_pile_up() -> None:
    record = Record()
    for number in range(1000):
        record.text(str(number), "x", False)
    assert len(record._items) <= 65
