"""Every name in celeryconfig is Celery's, every task is routed, no decorator decides."""

import ast
from collections.abc import Iterator
from types import ModuleType

import celery
from celery.app.defaults import NAMESPACES, flatten

import celeryconfig
from worker.settings import ROOT

#: Ours, not Celery's.
OURS = {"SWEEP_EXPIRES_SECONDS"}


def names() -> set[str]:
    values = vars(celeryconfig).items()
    plain = {name: v for name, v in values if not isinstance(v, ModuleType | type)}
    return {name for name in plain if not name.startswith("_")} - OURS


def task_decorators() -> Iterator[ast.Call]:
    for file in sorted((ROOT / "tasks").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                calls = [d for d in node.decorator_list if isinstance(d, ast.Call)]
                yield from (c for c in calls if ast.unparse(c.func) == "app.task")


def task_names() -> set[str]:
    values = (call.keywords[0].value for call in task_decorators())
    return {value.value for value in values if isinstance(value, ast.Constant)}  # type: ignore[misc]


def test_this_is_the_celery_the_facts_were_tried_on() -> None:
    assert celery.__version__.startswith("5.7.")


def test_every_name_is_a_setting_of_celery() -> None:
    known = {str(entry[0]) for entry in flatten(NAMESPACES)}
    assert names() - known == set()


def test_messages_are_json_and_nothing_comes_back() -> None:
    assert celeryconfig.accept_content == ["json"]
    assert celeryconfig.task_serializer == "json"
    assert celeryconfig.task_ignore_result
    assert not hasattr(celeryconfig, "result_backend")


def test_a_tasks_decorator_says_its_name_and_nothing_else() -> None:
    found = list(task_decorators())
    assert found
    for call in found:
        assert not call.args, ast.unparse(call)
        assert [keyword.arg for keyword in call.keywords] == ["name"]


def test_every_task_has_a_route_to_a_queue_and_every_route_a_task() -> None:
    assert task_names() == set(celeryconfig.task_routes)
    queues = {queue.name for queue in celeryconfig.task_queues}
    assert {route["queue"] for route in celeryconfig.task_routes.values()} <= queues


def test_every_queue_is_direct() -> None:
    assert {q.exchange.type for q in celeryconfig.task_queues} == {"direct"}


def test_what_beat_rings_for_exists() -> None:
    beaten = {entry["task"] for entry in celeryconfig.beat_schedule.values()}
    assert beaten <= task_names()


def test_every_task_file_is_imported_by_workers() -> None:
    files = {f"tasks.{f.stem}" for f in (ROOT / "tasks").glob("*.py")}
    assert files - {"tasks.__init__"} == set(celeryconfig.imports)
