//! Readers, tables and what prepares them.

mod csv;
mod folder;
mod idx;
mod preparation;
mod windows;
