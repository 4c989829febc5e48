"""Names of nodes: what they are for, and never the same for two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.nodes.names import node_names
from rayspace.model.measurement import NodeReading


def test_nodes_are_named_by_group_in_order_of_appearance():
    nodes = [
        NodeReading("w1", group="gpu", ip="10.0.0.10"),
        NodeReading("w0", group="gpu", ip="10.0.0.9"),
        NodeReading("hh", is_head=True, group="headgroup"),
        NodeReading("c0", group="small-workers"),
        NodeReading("d0", group="worker"),
        NodeReading("e0"),
    ]
    assert node_names(nodes, {}) == {
        "hh": "head",
        "w0": "gpu-worker-0",
        "w1": "gpu-worker-1",
        "c0": "small-worker-0",
        "d0": "worker-0",
        "e0": "worker-1",
    }


def test_a_name_is_never_given_again():
    names = node_names([NodeReading("aa"), NodeReading("bb")], {})
    assert names == {"aa": "worker-0", "bb": "worker-1"}
    later = node_names([NodeReading("cc"), NodeReading("bb")], names)
    assert later == {**names, "cc": "worker-2"}
    assert node_names([NodeReading("h2", is_head=True)], {"h1": "head"})["h2"] == "worker-0"


def test_pods_of_kuberay_tell_their_group_where_ray_does_not():
    nodes = [
        NodeReading("hh", is_head=True, hostname="lab-a-head-x2k9p"),
        NodeReading("w0", hostname="lab-a-gpu-large-worker-zzzz9"),
        NodeReading("w1", hostname="other-gpu-worker-zzzz9"),
    ]
    names = node_names(nodes, {})
    assert names == {"hh": "head", "w0": "gpu-large-worker-0", "w1": "worker-0"}


def test_names_are_such_as_mlflow_allows():
    odd = NodeReading("aa", group="a b/ü..%" + "x" * 300)
    (name,) = node_names([odd], {}).values()
    assert name == "a-b-..-" + "x" * 53 + "-worker-0"
    assert node_names([NodeReading("bb", group="cluster")], {}) == {"bb": "cluster-worker-0"}


@given(
    st.lists(
        st.builds(
            NodeReading,
            st.text(max_size=3),
            is_head=st.booleans(),
            group=st.text(max_size=8),
            hostname=st.text(max_size=8),
            ip=st.text(max_size=8),
        ),
        max_size=12,
    )
)
def test_no_two_nodes_have_one_name(nodes):
    names = node_names(nodes, {})
    assert len(set(names.values())) == len({node.node_id for node in nodes})
    assert node_names(nodes, names) == names
