"""A command's words that are not known are answered with the nearest that are, and usage as ever."""

from __future__ import annotations

import pytest

from experiments.common.door import Parser


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--levl", "x"], "unrecognized arguments: --levl x (is --level meant?)"),
        (["--format", "htlm"], "(is html meant?)"),
        (["--format=txet"], "(is text meant?)"),
        (["--quite-another"], "unrecognized arguments: --quite-another"),
        (["--format", "xyz"], "invalid choice: 'xyz' (choose from 'text', 'html')"),
    ],
)
def test_the_nearest_word_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="replay.py")
    parser.add_argument("--level")
    parser.add_argument("--format", choices=["text", "html"])
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].endswith(said)
    assert ("meant" in lines[-1]) == ("meant" in said)
