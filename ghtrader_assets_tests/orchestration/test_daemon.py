"""What a running Dagster is sent: every operation is one that the installed version answers."""

from __future__ import annotations

from graphql import OperationDefinitionNode, parse, validate

from ghtrader_assets.orchestration import daemon


def test_each_operation_is_valid_for_the_installed_dagster() -> None:
    from dagster_graphql.schema import create_schema  # takes a second, which no other test needs

    document = parse(daemon._OPERATIONS)
    names = {
        node.name.value for node in document.definitions if isinstance(node, OperationDefinitionNode) and node.name
    }
    assert names == {"Launch", "Status", "Failures", "RunIds", "Running", "Heartbeats", "Reload"}
    assert validate(create_schema().graphql_schema, document) == []
