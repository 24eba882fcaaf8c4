//! YAML as a tree of texts.
//!
//! Scalars are texts as they are written: `0123456789` and `yes` stay what they are. Anchors mean
//! nothing here, and a document with aliases is refused.

use granit_parser::{Event, Parser, ScalarStyle};

/// One document, or a part of it.
pub(crate) enum Node {
    /// `null`, or nothing at all.
    Nothing,
    /// A scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A mapping, in the order of the file.
#[derive(Default)]
pub(crate) struct Map(Vec<(Name, Node)>);

/// A key of a mapping.
pub(crate) struct Name {
    /// Its text.
    pub text: String,
    /// Its bytes: those that `\x` said, or else UTF-8.
    pub octets: Vec<u8>,
}

/// A collection that has not ended.
enum Open {
    List(Vec<Node>),
    Map(Map, Option<Name>),
}

/// Reads one document; the library bounds how deep it is nested.
pub(crate) fn parse(text: &str) -> Result<Map, String> {
    match document(text)? {
        Node::Map(map) => Ok(map),
        Node::Nothing => Ok(Map::default()),
        _ => Err("is not a list of keys with their values".to_owned()),
    }
}

fn document(text: &str) -> Result<Node, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut whole = None;
    for event in Parser::new_from_str(text) {
        // The library's words quote the text, which may hold a password.
        let (event, span) = event.map_err(|_| "is not YAML that can be read".to_owned())?;
        let ended = match event {
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::default(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map(map, _)) => Node::Map(map),
                None => continue,
            },
            Event::Scalar(value, style, ..) => {
                if let Some(Open::Map(map, name @ None)) = open.last_mut() {
                    if map.get(&value).is_some() {
                        return Err("has the same key twice".to_owned());
                    }
                    *name = Some(Name::new(&value, style, span.slice(text).unwrap_or_default()));
                    continue;
                }
                scalar(&value, style)
            }
            Event::Alias(_) => return Err("has aliases (`*`), which are not read".to_owned()),
            Event::DocumentStart(..) if whole.is_some() => return Err("has more than one document".to_owned()),
            _ => continue,
        };
        match open.last_mut() {
            Some(Open::List(items)) => items.push(ended),
            Some(Open::Map(map, name)) => match name.take() {
                Some(name) => map.0.push((name, ended)),
                None => return Err("has a key that is no text".to_owned()),
            },
            None => whole = Some(ended),
        }
    }
    Ok(whole.unwrap_or(Node::Nothing))
}

fn scalar(value: &str, style: ScalarStyle) -> Node {
    let is_nothing = style == ScalarStyle::Plain && ["", "~", "null", "Null", "NULL"].contains(&value);
    if is_nothing { Node::Nothing } else { Node::Text(value.to_owned()) }
}

impl Name {
    /// Imager writes each byte of a name beyond ASCII as `\xHH`, which YAML takes for a character.
    fn new(value: &str, style: ScalarStyle, source: &str) -> Self {
        let bytes = value.chars().map(|c| u8::try_from(u32::from(c))).collect::<Result<Vec<u8>, _>>();
        let octets = match bytes {
            Ok(bytes) if style == ScalarStyle::DoubleQuoted && source.contains("\\x") && source.is_ascii() => bytes,
            _ => value.as_bytes().to_vec(),
        };
        let text = String::from_utf8(octets.clone()).unwrap_or_else(|_| value.to_owned());
        Name { text, octets }
    }
}

impl Map {
    /// Returns the value of a key.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(known, _)| known.text == name).map(|(_, node)| node)
    }

    /// Returns the entries in the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Name, &Node)> {
        self.0.iter().map(|(name, node)| (name, node))
    }

    /// Returns the mapping under a key.
    pub(crate) fn map(&self, name: &str) -> Option<&Map> {
        match self.get(name)? {
            Node::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the text under a key; what is there and no text goes into `odd` by its name.
    pub(crate) fn text(&self, name: &str, odd: &mut Odd<'_>) -> String {
        match self.get(name) {
            Some(Node::Text(text)) => text.clone(),
            None | Some(Node::Nothing) => String::new(),
            Some(_) => {
                odd.add(name);
                String::new()
            }
        }
    }

    /// Returns the texts under a key; a single text is a list of one.
    pub(crate) fn texts(&self, name: &str, odd: &mut Odd<'_>) -> Vec<String> {
        let items = match self.get(name) {
            None | Some(Node::Nothing) => return Vec::new(),
            Some(Node::List(items)) => items.as_slice(),
            Some(single) => std::slice::from_ref(single),
        };
        let mut texts = Vec::new();
        for item in items {
            match item {
                Node::Text(text) => texts.push(text.clone()),
                Node::Nothing => {}
                _ => odd.add(name),
            }
        }
        texts
    }

    /// Names the keys that are not in `known`.
    pub(crate) fn others(&self, known: &[&str], odd: &mut Odd<'_>) {
        for (name, _) in self.entries().filter(|(name, _)| !known.contains(&name.text.as_str())) {
            odd.add(&name.text);
        }
    }
}

/// Names of what is not used.
pub(crate) struct Odd<'a> {
    /// All of them.
    pub names: &'a mut Vec<String>,
    /// What stands before each, such as `users.`.
    pub prefix: &'static str,
}

impl Odd<'_> {
    /// Adds a name, once. A key is as hostile as a value: it goes to a console.
    pub(crate) fn add(&mut self, name: &str) {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        let shown = format!("{}{shown}", self.prefix);
        if !self.names.contains(&shown) {
            self.names.push(shown);
        }
    }
}
