//! Small parts of pages: icons, states, forms, tables, charts. Pure.

pub(super) mod chart;
pub(super) mod form;
pub(super) mod icon;
pub(super) mod state;
pub(super) mod table;
pub(super) mod time;
