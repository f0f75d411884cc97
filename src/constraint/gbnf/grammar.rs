//! [`Grammar`]: a GBNF grammar as a graph of nodes.

use super::charset::CharSet;

/// Index of a node in its grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u32);

/// Index of a rule in its grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RuleId(pub(super) u32);

/// What a node matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// One character.
    Class(CharSet),
    /// One token of the vocabulary, in llguidance's notation (`<|tool|>`, `<[1000]>`, `<[^1000]>`).
    Token(String),
    /// What a rule matches.
    Rule(RuleId),
    /// One after the other; nothing where empty.
    Sequence(Vec<NodeId>),
    /// One of these.
    Choice(Vec<NodeId>),
    /// At least `min` times, at most `max` times.
    Repeat {
        node: NodeId,
        min: u32,
        max: Option<u32>,
    },
}

/// Rules over nodes. Every rule has a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Grammar {
    nodes: Vec<Node>,
    /// Body of each rule.
    bodies: Vec<NodeId>,
    root: Option<RuleId>,
}

impl Grammar {
    pub(super) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Sets the rules' bodies, in the order of their ids, and where to start.
    pub(super) fn set_rules(&mut self, bodies: Vec<NodeId>, root: RuleId) {
        self.bodies = bodies;
        self.root = Some(root);
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn replace(&mut self, id: NodeId, node: Node) {
        self.nodes[id.0 as usize] = node;
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub(super) fn body(&self, rule: RuleId) -> NodeId {
        self.bodies[rule.0 as usize]
    }

    /// The body of `root`.
    pub(super) fn start(&self) -> NodeId {
        self.body(self.root.unwrap_or(RuleId(0)))
    }

    /// The nodes that a node is made of; a reference's is the body of its rule.
    pub(super) fn children(&self, id: NodeId) -> Vec<NodeId> {
        match self.node(id) {
            Node::Class(_) | Node::Token(_) => Vec::new(),
            Node::Rule(rule) => vec![self.body(*rule)],
            Node::Sequence(nodes) | Node::Choice(nodes) => nodes.clone(),
            Node::Repeat { node, .. } => vec![*node],
        }
    }

    /// The least set of nodes that is closed under `holds`, which is asked with the set so far.
    pub(super) fn least_fixpoint(&self, holds: impl Fn(&Node, &[bool]) -> bool) -> Vec<bool> {
        let mut set = vec![false; self.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for id in self.ids() {
                let index = id.0 as usize;
                if !set[index] && holds(self.node(id), &set) {
                    set[index] = true;
                    changed = true;
                }
            }
        }
        set
    }
}
