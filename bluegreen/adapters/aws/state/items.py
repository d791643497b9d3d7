"""DynamoDB items of the state table: keys, and Python values as attribute values.

One table, keys `pk` and `sk`:

    stack#<stack>          lease                 who deploys, with the fencing token
    stack#<stack>          ban#v1.4.0            a version that is not released again
    stack#<stack>          rehearsal#17955...    a rehearsal of a migration, by when it began
    stack#<stack>          restoration#1795...    a restore of the database, likewise
    stack#<stack>          deployment#000042     the header of a deployment
    run#<stack>#000042     document#plan#000     its documents: JSON, compressed, in parts
    run#<stack>#000042     entry#000000001       its journal
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

from bluegreen.contract import STATE_TABLE_HASH_KEY, STATE_TABLE_RANGE_KEY
from bluegreen.domain.document import from_document, to_document
from bluegreen.domain.journal import SCHEMA, Documents, Ending, Entry, Event, Header, other_version
from bluegreen.text import clean

PK, SK = STATE_TABLE_HASH_KEY, STATE_TABLE_RANGE_KEY
Item = dict[str, dict[str, Any]]

_PART = 300_000
"""Bytes of a document part; an item holds 400 KB, its keys included."""


_ABSENT: Mapping[str, Any] = {
    **dict.fromkeys(("stack", "intent", "version", "operator", "reason", "fingerprint"), ""),
    "proven": False,
    "schema": 0,
}
"""Fields of a header, and what each is where another version left it out."""


def stack_partition(stack: str) -> str:
    """Where lease and headers of `stack` lie."""
    return f"stack#{stack}"


def run_partition(stack: str, number: int) -> str:
    """Where the journal and the documents of one deployment lie."""
    return f"run#{stack}#{number:06d}"


def lease_key(stack: str) -> Item:
    return pack({PK: stack_partition(stack), SK: "lease"})


def deployment_key(stack: str, number: int) -> Item:
    return pack({PK: stack_partition(stack), SK: f"deployment#{number:06d}"})


def entry_key(seq: int) -> str:
    """The range key of an entry; padded, so that it sorts as the number does."""
    return f"entry#{seq:09d}"


def pack(values: Mapping[str, Any]) -> Item:
    """Attribute values; None is left out. Numbers go as decimal text, so no binary float is rounded."""
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, bytes):
        return {"B": value}
    return {"S": str(value)}


def unpack(item: Item) -> dict[str, Any]:
    """What `pack` was given; a whole number comes back as int."""
    return {name: _value(attribute) for name, attribute in item.items()}


def _value(attribute: Mapping[str, Any]) -> Any:
    kind, value = next(iter(attribute.items()))
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return value


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def entry_item(stack: str, number: int, entry: Entry) -> Item:
    event = to_document(entry.event)
    return pack(
        {
            PK: run_partition(stack, number),
            SK: entry_key(entry.seq),
            "schema": SCHEMA,
            "seq": entry.seq,
            "at": entry.at,
            "kind": event.pop("kind"),
            "data": _dump(event),
        }
    )


def entry_from(number: int, item: Item) -> Entry:
    """The entry of deployment `number` that `entry_item` wrote; raises Refused for another version's."""
    found = unpack(item)
    schema = found.get("schema", 0)
    if schema != SCHEMA:
        raise other_version(number, schema)
    document = {**json.loads(found["data"]), "kind": found["kind"]}
    try:
        event = from_document(cast("type[Event]", Event), document)
    except ValueError as error:
        what = f"its entry {found['seq']}, {found['kind']}, cannot be read"
        raise other_version(number, schema, what) from error
    return Entry(seq=found["seq"], at=float(found["at"]), event=clean(event))


def header_item(header: Header) -> Item:
    """A header without its documents."""
    fields = {name: getattr(header, name) for name in ("number", "started_at", "ended_at", *_ABSENT)}
    return deployment_key(header.stack, header.number) | pack(fields | {"ending": header.ending.value})


def header_from(item: Item, parts: Iterable[Item] = ()) -> Header:
    """The header that `header_item` wrote, with the documents in `parts`.

    Another version's header is read as far as it can be understood, and its documents are left alone.
    """
    found = unpack(item)
    ended_at = found.get("ended_at")
    known = {name: clean(found.get(name, default)) for name, default in _ABSENT.items()}
    return Header(
        number=found["number"],
        started_at=float(found.get("started_at", 0.0)),
        ending=_ending(found.get("ending", "")),
        ended_at=None if ended_at is None else float(ended_at),
        documents=documents_from(parts) if known["schema"] == SCHEMA else None,
        **known,
    )


def _ending(text: str) -> Ending:
    """An ending that only another version knows keeps the stack closed, until a human has looked."""
    return Ending(text) if text in tuple(Ending) else Ending.HALTED


def document_items(header: Header) -> list[Item]:
    """The documents, each compressed and cut into parts that fit an item."""
    partition = run_partition(header.stack, header.number)
    items = []
    documents = to_document(header.documents) if header.documents else {}
    for name, document in documents.items():
        # Without a time in it the same document gives the same bytes, so a repeated write is recognised.
        data = gzip.compress(_dump(document).encode(), mtime=0)
        for part, start in enumerate(range(0, len(data), _PART)):
            key = f"document#{name}#{part:03d}"
            items.append(pack({PK: partition, SK: key, "name": name, "data": data[start : start + _PART]}))
    return items


def documents_from(items: Iterable[Item]) -> Documents | None:
    """The documents of these parts, which must come in the order of their keys; None for unreadable ones."""
    parts: dict[str, bytes] = {}
    for item in items:
        name = item["name"]["S"]
        parts[name] = parts.get(name, b"") + bytes(item["data"]["B"])
    try:
        documents = {name: json.loads(gzip.decompress(data)) for name, data in parts.items()}
        return from_document(Documents, documents)
    except (ValueError, EOFError, OSError, zlib.error):  # the last three: what gzip makes of a damaged part
        # A rollback must stay possible even so: whoever cannot do without them asks `Header.began_with`.
        return None
