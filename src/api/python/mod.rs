//! Values as Python 2 reads, shows and orders them.
//!
//! Programs of ConPaaS 2.0 send Python literals, and people know its texts: both are full of what
//! Python 2 makes of a value. Pure: no I/O.

mod dict;
mod literal;
mod text;

pub(crate) use dict::{dict_order, serialize_dict};
pub(crate) use literal::python_or_json;
pub(crate) use text::{Texts, float_repr, python_list, python_repr, python_str, python_type, to_int};
