from workstreams.supervisor.spec import ChildSpec


def test_orders_arrive_as_they_were_given() -> None:
    spec = ChildSpec("/etc/ws.yml", {"logs.level": "debug"}, "cpu", ("mail", "sms"), "s1", 5, 6, 30.0, 7.5)
    assert ChildSpec.decode(spec.encode()) == spec


def test_a_default_config_arrives_as_none() -> None:
    spec = ChildSpec(None, {}, "main", ("mail",), "s1", 5, 6, 30.0, 7.5)
    assert ChildSpec.decode(spec.encode()).config is None
