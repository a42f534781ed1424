import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import migrations_engine as engine
from migrations_engine.document.jsonc import NotJSON, decode
from migrations_engine.document.layout import layout

UNTIDY = """// top
/* and
   * more */

{ // head
 "a": {"x" /*k*/ : /*v*/ "INT", "y":"TEXT" // behind y
   ,

   // above z
   "z": "INT", /* of z */ // too
   "_indexes": ["x", /* y! */ "y"

   // last
   ]}, // end of a


  "b": {"_checks": [], "c": "INT", "_options": {"strict" : true}, "http": "TEXT CHECK (a <> '// no')",
       "d": "INT" /* d */ }
   // dangling
   } // tail
// eof"""

TIDY = """\
// top
/* and
 * more */

{ // head
  "a": {
    /*k*/
    /*v*/
    "x": "INT",
    "y": "TEXT", // behind y

    // above z
    "z": "INT", /* of z */ // too
    "_indexes": [
      "x",
      /* y! */
      "y"

      // last
    ]
  }, // end of a

  "b": {
    "_checks": [],
    "c": "INT",
    "_options": {"strict": true},
    "http": "TEXT CHECK (a <> '// no')",
    "d": "INT" /* d */
  }
  // dangling
} // tail
// eof
"""


def test_comments_stay_where_they_stand():
    assert layout(UNTIDY) == TIDY
    assert layout(TIDY) == TIDY


def test_windows_line_breaks_and_a_byte_order_mark_go():
    assert layout("\ufeff" + UNTIDY.replace("\n", "\r\n")) == TIDY


@pytest.mark.parametrize("text", ["{}", "{ }", '{"a": {}}', '{"a": {"x": "INT"}, "_views": {}}'])
def test_empty_containers_stay_on_their_line(text):
    assert decode(layout(text)) == decode(text)
    assert "{\n\n" not in layout(text)


def test_what_import_writes_is_in_this_layout_already():
    columns = {f"column_{number}": f"TEXT DEFAULT '{number}'" for number in range(20)}
    document = {"t": {**columns, "_indexes": [list(columns), ["column_1"]], "_options": {"strict": True}}}
    written = engine.loads(json.dumps(document)).to_json()
    assert layout(written) == written


def test_what_is_no_json_is_refused():
    with pytest.raises(NotJSON):
        layout('{"a": {"x": "INT",}}')


TRIVIA = st.lists(
    st.sampled_from(
        [" ", "\n", "\n\n\n", "\t", '// it\'s "so"\n', "/* { , */", "/* a\n   * b\n   c */", "//\n"]
    ),
    max_size=3,
).map("".join)
COMMENTS = re.compile(r"//[^\n]*|/\*(?s:.*?)\*/")
PIECES = re.findall(
    r'"[^"]*"|\w+|[^\w\s]',
    """{"t": {"a": "INT", "b": "TEXT", "_indexes": ["a", ["a", "b"]], "_options": {"strict": true},
        "_checks": []}, "_views": {}}""",
)


def comments(text):
    return [re.sub(r"\s+", " ", found).strip() for found in COMMENTS.findall(text)]


@settings(max_examples=300, deadline=None)
@given(st.lists(TRIVIA, min_size=len(PIECES) + 1, max_size=len(PIECES) + 1))
def test_wherever_comments_stand_none_is_lost_and_all_else_is_equal(trivia):
    text = "".join(gap + piece for gap, piece in zip(trivia, [*PIECES, ""], strict=True))
    tidy = layout(text)
    assert decode(tidy) == decode(text)
    assert comments(tidy) == comments(text)
    assert layout(tidy) == tidy
    assert "\n\n\n" not in tidy
