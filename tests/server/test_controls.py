"""What others have sent, on the way to a terminal."""

from eventwire.server.controls import one_line, printable


def test_nothing_that_a_terminal_obeys_is_left():
    every = "".join(map(chr, range(0x300)))
    assert [char for char in printable(every) if not char.isprintable() and char not in "\t\n\xa0\xad"] == []
    assert printable("Olá, 🤖\tworld\n") == "Olá, 🤖\tworld\n"


def test_a_text_in_a_sentence_begins_no_line():
    assert one_line("a\nServing\r\u2028b\u202e") == "a\\nServing\\x0d\\u2028b\\u202e"
