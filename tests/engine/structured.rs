//! Structured output on real vocabularies and a real model, judged by an independent validator.

mod real;
mod speed;
mod suite;
mod walk;

use std::sync::Arc;

use rein::LocalModel;
use rein::constraint::{ConstraintCompiler, Vocabulary};
use rein::llama::Vocab;
use rein::models::LoadedModel;

use super::support::load;

/// A model and its compiler.
pub struct Constrained {
    model: LocalModel,
    pub compiler: ConstraintCompiler,
}

impl Constrained {
    pub fn load(name: &str) -> Self {
        let model = load(name, 1024);
        let vocabulary = Vocabulary::of_model(model.loaded().engine.model().vocab()).unwrap();
        Self {
            compiler: ConstraintCompiler::new(&vocabulary).unwrap(),
            model,
        }
    }

    pub fn loaded(&self) -> &Arc<LoadedModel> {
        self.model.loaded()
    }

    pub fn vocab(&self) -> &Vocab {
        self.loaded().engine.model().vocab()
    }
}
