//! [`Tags`]: how the families that write arguments in tags spell them.

/// The tags of a family.
#[derive(Debug)]
pub(super) struct Tags {
    /// Before a key.
    pub(super) key: &'static [&'static str],
    /// Behind a key.
    pub(super) key_end: &'static str,
    /// Between a key and its value.
    pub(super) value: Option<&'static str>,
    pub(super) value_end: &'static [&'static str],
    pub(super) call_end: &'static [&'static str],
    /// The line ends right inside the tags belong to the markup.
    pub(super) lines: bool,
}

pub(super) const FUNCTION: Tags = Tags {
    key: &["<parameter="],
    key_end: ">",
    value: None,
    value_end: &["</parameter>"],
    call_end: &["</function>"],
    lines: true,
};
pub(super) const NAMED: Tags = Tags {
    key: &["<param name=\"", "<parameter name=\""],
    key_end: "\">",
    value: None,
    value_end: &["</param>", "</parameter>"],
    call_end: &["</function>", "</invoke>"],
    lines: false,
};
pub(super) const GLM: Tags = Tags {
    key: &["<arg_key>"],
    key_end: "</arg_key>",
    value: Some("<arg_value>"),
    value_end: &["</arg_value>"],
    call_end: &["</tool_call>"],
    lines: false,
};
