//! Any order of any inputs: what must hold whatever happens.

mod inputs;
mod lonely;
mod street;
