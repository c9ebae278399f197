from __future__ import annotations

import pytest
from sqlalchemy import Engine

from callscope.errors import UsageError
from models import saved_views
from models.session import transaction

pytestmark = pytest.mark.integration


def test_kept_replaced_and_removed(engine: Engine) -> None:
    with transaction(engine) as session:
        kept = saved_views.save_view(session, name="  Angry \n refunds ", query="emotion=ANGRY", author="ann")
        saved_views.save_view(session, name="All", query="", author="bob")
        again = saved_views.save_view(session, name="Angry refunds", query="emotion=ANGRY&queue=refunds", author="bob")
    assert again.id == kept.id
    with transaction(engine) as session:
        told = [(view.name, view.query, view.author) for view in saved_views.list_views(session)]
        assert told == [("All", "", "bob"), ("Angry refunds", "emotion=ANGRY&queue=refunds", "bob")]
        assert saved_views.remove_view(session, kept.id)
        assert not saved_views.remove_view(session, kept.id)
        assert len(saved_views.list_views(session)) == 1


@pytest.mark.parametrize(("name", "query"), [("", ""), (" \n", ""), ("x" * 81, ""), ("x", "q" * 2_001)])
def test_what_is_not_kept(engine: Engine, name: str, query: str) -> None:
    with transaction(engine) as session, pytest.raises(UsageError):
        saved_views.save_view(session, name=name, query=query, author="ann")


def test_there_is_an_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 1)
    with transaction(engine) as session:
        saved_views.save_view(session, name="a", query="", author="ann")
        with pytest.raises(UsageError, match="too many"):
            saved_views.save_view(session, name="b", query="", author="ann")
