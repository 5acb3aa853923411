from __future__ import annotations

import re

import pytest

from cxredge.markdown import AsIs, escaped
from support.command import ROOT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+0.0005 < 0.0040", "+0.0005 < 0.0040"),
        ("an AUC of 0.96 [0.94, 0.98] (`cxredge data check cxr_covid`)",) * 2,
        ("R&D, -0.014 [-0.054, +0.043], 2.5 %, #3",) * 2,
        ("https://nihcc.app.box.com/v/ChestXray-NIHCC",) * 2,
        ("<b>", "&lt;b>"),
        ("</b> <!-- <?x", "&lt;/b> &lt;!-- &lt;?x"),
        ("&#x3c; &lt;", "&amp;#x3c; &amp;lt;"),
        ("![a](b)", "\\![a]\\(b)"),
        ("[a](b) [a][b] [a]: b", "[a]\\(b) [a]\\[b] \\[a]: b"),
        ("a | b", "a \\| b"),
        ("\\` <b> `", "\\\\` &lt;b> `"),
        ("one ` alone", "one \\` alone"),
        ("```x```", "\\`\\`\\`x\\`\\`\\`"),
        ("**b** _i_ snake_case ~s~", "\\*\\*b\\*\\* \\_i\\_ snake_case \\~s\\~"),
        ("# head", "\\# head"),
        ("> said", "\\> said"),
        ("- item", "\\- item"),
        ("+ item", "\\+ item"),
        ("---", "\\---"),
        ("===", "\\==="),
        ("1. item", "1\\. item"),
        ("a\n# b\x1b\u202e\u200b", "a\\\\n# b\\\\x1b\\\\u202e\\\\u200b"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_markup_is_shown_and_plain_text_is_left(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_what_is_markup_already_is_left() -> None:
    assert escaped(AsIs("| a |")) == "| a |"


def test_nothing_that_recipes_of_the_zoo_say_is_changed() -> None:
    for file in (ROOT / "model_zoo").glob("*/model.yaml"):
        card = file.read_text().partition("\ncard:")[2].partition("\nstudent:")[0]
        lines = [line.partition(": ")[2] or line for line in re.findall(r"^ +(?:- )?(.*)$", card, re.MULTILINE)]
        assert [line for line in lines if escaped(line) != line] == []
