//! The source holds what it promises (`src/ARCHITECTURE.md`): its sizes, its rooms and who imports whom, its names, its
//! docs, its tables. It is read as a syntax tree; what the compiler allows is not enough. Each test lists all that it finds.

mod circles;
mod docs;
mod doors;
mod imports;
mod kinds;
mod ladder;
mod shape;
mod source;
mod tables;
