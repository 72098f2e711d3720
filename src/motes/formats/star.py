"""STAR files (Hall 1991, J. Chem. Inf. Comput. Sci. 31, 326) as RELION writes them, through gemmi."""

import re
from collections.abc import Sequence
from pathlib import Path

from gemmi import cif

from motes.errors import PicksError

Table = dict[str, list[str]]

# A value such as the name data_001.mrc would be taken for the start of a block. It is none where another
# value follows or precedes it in its line.
_KEYWORD = r"((?:data|loop|save|stop|global)_\S*)"
_BEFORE_A_VALUE = re.compile(rf"^([ \t]*){_KEYWORD}(?=[ \t]+[^#_\s])", re.MULTILINE | re.IGNORECASE)
_AFTER_A_VALUE = re.compile(rf"(?<=\S)([ \t]+){_KEYWORD}", re.IGNORECASE)
# gemmi takes what is not ASCII in text fields, quotes and comments only; the group is where it stands elsewhere.
_NOT_ASCII = re.compile(
    r"""^;.*?^;|(?<!\S)(?:'[^\n]*?'(?!\S)|"[^\n]*?"(?!\S)|\#[^\n]*|([!-~]*[^\x00-\x7f]\S*))""",
    re.ASCII | re.MULTILINE | re.DOTALL,
)
_PLAIN = re.compile(r"[^\s'\"#_$;\[\]][^\s'\"]*")
_FIRST_WORD = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*data_", re.IGNORECASE)


def is_star(text: str) -> bool:
    """Whether the text starts, after comments, with a data block."""
    return _FIRST_WORD.match(text) is not None


def read_tables(text: str, path: Path) -> dict[str, Table]:
    """Read tables by block name; columns by tag without the underscore, all values as text.

    A block of single values is a table with one row. Raises PicksError where it is no STAR file.
    """
    for pattern in (_BEFORE_A_VALUE, _AFTER_A_VALUE):
        text = pattern.sub(r"\1'\2'", text)
    if not text.isascii():  # which takes no time, while looking for such values takes as long as reading
        text = _NOT_ASCII.sub(lambda found: f"'{found[1]}'" if found[1] else found[0], text)
    try:
        document = cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise PicksError(f"{path}: not a correct STAR file ({error})") from None
    return {block.name.strip(): _table(block) for block in document}


def _table(block: cif.Block) -> Table:
    table: Table = {}
    for item in block:
        if isinstance(item.pair, tuple | list):
            tag, value = item.pair
            table[tag[1:]] = _plain([value])
        elif item.loop is not None:
            width, values = item.loop.width(), item.loop.values
            table |= {tag[1:]: _plain(values[i::width]) for i, tag in enumerate(item.loop.tags)}
    return table


def _plain(values: Sequence[str]) -> list[str]:
    return [cif.as_string(value) if value[:1] in "'\";" else value for value in values]


def require(table: Table, tags: Sequence[str], path: Path) -> None:
    """Raise PicksError naming the tags that are missing and the columns that are there."""
    missing = [tag for tag in tags if tag not in table]
    if missing:
        raise PicksError(
            f"{path}: no column {' or '.join(missing)}; the columns there are: {', '.join(table) or 'none'}"
        )


def format_table(block: str, columns: dict[str, list[str]]) -> str:
    """Lay out one loop as RELION does: numbered tags, a row a line, an empty line at the end."""
    return f"{format_header(block, list(columns))}{format_rows(columns)}\n"


def format_header(block: str, tags: Sequence[str]) -> str:
    """What stands above the rows of a loop."""
    numbered = "".join(f"_{tag} #{number}\n" for number, tag in enumerate(tags, start=1))
    return f"data_{block}\n\nloop_\n{numbered}"


def format_rows(columns: dict[str, list[str]]) -> str:
    """The rows of a loop, a line each."""
    rows = zip(*columns.values(), strict=True)
    return "".join("\t".join(map(_quoted, row)) + "\n" for row in rows)


def _quoted(value: str) -> str:
    """Quote only where a value would fall apart: RELION 3.1 takes quotes for a part of the name."""
    plain = value.isascii() and _PLAIN.fullmatch(value)
    return value if plain else cif.quote(value)
