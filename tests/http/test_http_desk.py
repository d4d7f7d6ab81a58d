"""The remote desk answers as the local one does, errors included."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from conflict.errors import ValueRefused
from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.statement import Draft, Source
from node.desk import Desk, Save
from node.errors import BadRequest, NoPeer, NotFound, Unreachable
from node.faults import Foreign, translate
from node.remote_desk import BATCH_SAVES, RemoteDesk
from tests.http.http_lab import TOKEN, Lab, lab


@pytest.fixture(name="desks")
def _desks() -> Iterator[Lab]:
    with lab() as found:
        yield found


def document(number: int, kind: DocumentKind = DocumentKind.EPISODE) -> DocumentId:
    return new_document(kind, number.to_bytes(15, "big"))


def triage(category: str, **fields: object) -> Draft:
    return Draft(slot="triage", value={"category": category}, by="Ruiz", **fields)  # type: ignore[arg-type]  # any field of Draft


def test_a_desk_is_a_desk(desks: Lab) -> None:
    ends: list[Desk] = [desks.local, desks.remote]
    assert len(ends) == 2


def test_what_is_saved_on_one_end_is_read_on_both(desks: Lab) -> None:
    one, two = document(1), document(2)
    source = Source("test", "r1", "0" * 64)
    saves = [
        Save(one, (triage("delayed", at="2026-11-23T03:10Z"), triage("immediate"))),
        Save(two, (Draft(slot="note", value={"text": "36.60 °C"}, source=source),)),
    ]
    ids = desks.remote.save(saves)
    assert [len(group) for group in ids] == [2, 1]
    assert desks.local.statements(one) == sorted(ids[0])
    for ask in (
        lambda desk: desk.chart(one),
        lambda desk: desk.chart(two),
        lambda desk: desk.shown(one, "triage"),
        lambda desk: desk.statements(two),
        lambda desk: desk.find("episode-"),
        lambda desk: desk.list_documents(),
        lambda desk: desk.list_documents("episode", None, 1),
        lambda desk: desk.findings(),
        lambda desk: desk.peers(),
        lambda desk: desk.casualties(),
        lambda desk: desk.timeline(one),
        lambda desk: desk.custody(),
        lambda desk: desk.record_custody(one),
        lambda desk: desk.set_aside(),
        lambda desk: desk.set_aside(with_bytes=True),
        lambda desk: desk.retry_set_aside(),
        lambda desk: desk.shed([one], dry_run=True),
        lambda desk: desk.shed([], 0.0, dry_run=True),
        lambda desk: desk.fetch(two),
        lambda desk: desk.status(),
    ):
        assert ask(desks.remote) == ask(desks.local)
    assert len(desks.remote.findings()) == 1


def test_an_import_goes_in_batches_and_keeps_their_order(desks: Lab) -> None:
    count = BATCH_SAVES + 5
    saves = (Save(document(number), (triage("minimal"),)) for number in range(count))
    ids = desks.remote.import_saves(saves, [b"first", b"second"])
    assert len(ids) == count
    for number in (0, BATCH_SAVES, count - 1):
        assert desks.local.statements(document(number)) == ids[number]


def test_one_bad_value_refuses_the_whole_save(desks: Lab) -> None:
    saves = [
        Save(document(1), (triage("delayed"),)),
        Save(document(2), (triage("walking"),)),
    ]
    with pytest.raises(ValueRefused):
        desks.local.save(saves)
    with pytest.raises(Foreign, match="walking") as refused:
        desks.remote.save(saves)
    here = translate(refused.value)
    assert (here.code, here.exit_code) == ("value-refused", 2)
    assert desks.local.status()["statements"] == 0


def test_errors_arrive_as_the_leaves_they_left_as(desks: Lab) -> None:
    for kind, ask in (
        (NotFound, lambda desk: desk.chart(document(9))),
        (NotFound, lambda desk: desk.fetch(document(9))),
        (BadRequest, lambda desk: desk.shed([])),
        (NoPeer, lambda desk: desk.sync("bravo", 1.0)),
        (NoPeer, lambda desk: desk.pause(paused=True)),
        (NoPeer, lambda desk: desk.silence(silent=True)),
        (BadRequest, lambda desk: desk.save([Save(document(1), (Draft(slot="no", value={}),))])),
    ):
        said = []
        for desk in (desks.local, desks.remote):
            with pytest.raises(kind) as raised:
                ask(desk)
            said.append(translate(raised.value))
        assert said[0] == said[1]


def test_a_node_that_does_not_answer_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match="Nothing was changed"):
        RemoteDesk(f"127.0.0.1:{port}", TOKEN).status()


def test_a_wrong_token_is_said_and_changes_nothing(desks: Lab) -> None:
    with pytest.raises(Foreign, match="no valid token") as refused:
        RemoteDesk(f"127.0.0.1:{desks.port}", "wrong").status()
    assert translate(refused.value).code == "unauthorised"


def test_something_else_on_the_port_is_not_taken_for_a_node() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        desk = RemoteDesk(f"127.0.0.1:{port}", TOKEN)

        def answer() -> None:
            stream, _ = other.accept()
            with stream:
                stream.recv(65536)
                stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unreachable, match="not an Aidstation node"):
            desk.status()
        thread.join()


def test_a_save_whose_answer_was_lost_is_not_called_undone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def hang_up() -> None:
            stream, _ = other.accept()
            stream.recv(65536)
            stream.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        desk = RemoteDesk(f"127.0.0.1:{other.getsockname()[1]}", TOKEN)
        with pytest.raises(Unreachable, match="may have been done"):
            desk.save([Save(document(1), (triage("delayed"),))])
        thread.join()
