"""What queries ask for is found out right, so that its being there can be checked."""

from kaftalk_testing.queries import Query


def test_names_and_the_labels_they_are_chosen_by() -> None:
    text = 'sum(rate(kaftalk_a_total{job=~"$job", code!="x"}[5m])) / max by (shard) (kaftalk_b) > up{job="y"}'
    assert list(Query("", text).series()) == [
        ("kaftalk_a_total", frozenset({"job", "code"})),
        ("kaftalk_b", frozenset()),
        ("up", frozenset({"job"})),
    ]


def test_variables_of_grafana_are_filled_in() -> None:
    assert Query("", 'rate(a{job=~"$job", instance=~"$instance"}[$__rate_interval])').filled == (
        'rate(a{job=~".*", instance=~".*"}[5m])'
    )
