"""What a kill and a lost file come to together: the source opens again only where it is the only truth."""

from __future__ import annotations

import pytest

from migrations_engine.online.phases import Boundary


def killed_at(play, phase):
    scene = play(writers=0)
    assert scene.killed("move", to="b", kill={"phase": phase, "boundary": Boundary.ENTERED})
    return scene


def lose_target(scene):
    [target] = [path for path in scene.fleet.files(scene.tenant) if path.name.startswith("g2-")]
    target.unlink()


def test_a_source_is_opened_again_where_its_target_is_lost_before_the_route_knew(play):
    scene = killed_at(play, "flip")
    home = scene.fleet.route(scene.tenant)
    assert scene.fleet.writable(scene.tenant) == []
    lose_target(scene)
    scene.recover()
    assert scene.fleet.route(scene.tenant) == home
    scene.assert_one_home()


def test_a_target_that_was_a_home_and_is_lost_is_left_to_a_person(play):
    scene = killed_at(play, "seal")
    lose_target(scene)
    assert scene.operate("recover") == 1
    assert scene.fleet.writable(scene.tenant) == []
    assert scene.fleet.operations(scene.tenant) == ["unknown"]
    assert {each.kind.value for each in scene.fleet.findings(scene.tenant)} >= {"frozen", "missing-file"}


@pytest.mark.parametrize("phase", ["flip", "open"])
def test_an_open_target_proves_the_flip_though_the_catalog_has_forgotten_it(play, phase):
    scene = killed_at(play, phase)
    forget_the_flip(scene)
    [target] = [path for path in scene.fleet.files(scene.tenant) if path.name.startswith("g2-")]
    scene.open_by_hand(target)
    scene.recover()
    assert scene.fleet.route(scene.tenant).path == target
    scene.assert_one_home()


def forget_the_flip(scene):
    """Let the catalog be as it was before: restored from a backup."""
    with scene.fleet.catalog.begin() as session:
        connection = session.connection()
        connection.exec_driver_sql(
            "UPDATE tenants SET (path, server_id, generation, epoch) = "
            "(SELECT path, server_id, generation, epoch FROM generations WHERE tenant_id = tenants.id "
            "AND generation = 1) WHERE id = ?",
            (scene.tenant,),
        )
        connection.exec_driver_sql(
            "UPDATE generations SET state = CASE generation WHEN 1 THEN 'open' ELSE 'born' END "
            "WHERE tenant_id = ?",
            (scene.tenant,),
        )
