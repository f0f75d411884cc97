//! Tokens that are drawn where the device has the logits are those that the CPU's sampler draws from a copy. The kernels are
//! run by their reference here; what is tested is everything around them.

use rein::llama::Token;
use rein::sampling::Xtc;
use rein::sampling::cuda::GpuSampling;
use rein::{
    Constraint, Delta, GenerateRequest, Generation, LoadOptions, LocalModel, Prompt,
    SamplingParams, StopCause, TokenLogprob,
};

use super::stand_in::on_device;
use super::support::{load_with, options, wait_until};

fn load(gpu_sampling: GpuSampling) -> LocalModel {
    let model = load_with(LoadOptions {
        gpu_sampling,
        ..options()
    });
    let on_gpu = gpu_sampling != GpuSampling::Host;
    assert_eq!(model.loaded().engine.draws_on_gpu(), on_gpu);
    model
}

/// Parameters of every way that the kernels take, and of one that they leave to the CPU.
fn all_params() -> Vec<SamplingParams> {
    let base = || SamplingParams {
        temperature: 0.9,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(11),
        ..SamplingParams::default()
    };
    vec![
        SamplingParams::default().seeded(7),
        SamplingParams::greedy(),
        base(),
        SamplingParams {
            top_k: 20,
            top_p: 0.95,
            logprobs: Some(5),
            ..base()
        },
        SamplingParams {
            top_p: 0.9,
            presence_penalty: 0.5,
            repetition_penalty: 1.2,
            ..base()
        },
        SamplingParams {
            min_p: 0.05,
            logit_bias: vec![(Token(42), 4.0), (Token(28), f32::NEG_INFINITY)],
            logprobs: Some(0),
            ..base()
        },
        SamplingParams {
            xtc: Xtc {
                probability: 1.0,
                threshold: 0.1,
            },
            ..base()
        },
    ]
}

trait Seeded {
    fn seeded(self, seed: u64) -> Self;
}

impl Seeded for SamplingParams {
    fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

fn request(i: usize, sampling: &SamplingParams) -> GenerateRequest {
    GenerateRequest {
        sampling: sampling.clone(),
        max_tokens: Some(24),
        ..GenerateRequest::new(Prompt::Text(format!("Story number {i} is about")))
    }
}

/// Reads a generation to its end: its tokens, and what was told of their probabilities.
fn finish(generation: Generation) -> (Vec<Token>, Vec<TokenLogprob>) {
    let (mut drawn, mut told) = (Vec::new(), Vec::new());
    for delta in generation {
        match delta {
            Delta::Text {
                tokens, logprobs, ..
            } => {
                drawn.extend(tokens);
                told.extend(logprobs);
            }
            Delta::Failed { message } => panic!("the run failed: {message}"),
            _ => {}
        }
    }
    (drawn, told)
}

#[test]
fn tokens_and_probabilities_are_those_of_the_cpus_sampler() {
    on_device(&[], || {
        let (gpu, host) = (load(GpuSampling::Reference), load(GpuSampling::Host));
        for (i, params) in all_params().iter().enumerate() {
            let answer = |model: &LocalModel| {
                finish(model.generate(request(i, params)).expect("it is accepted"))
            };
            assert_eq!(answer(&gpu), answer(&host), "{params:?}");
        }
    });
}

#[test]
fn runs_with_other_parameters_and_forms_are_drawn_from_one_step() {
    on_device(&[], || {
        let (gpu, host) = (load(GpuSampling::Reference), load(GpuSampling::Host));
        // Twice as many as there are sequences: steps have gaps, and rows of runs that begin and end.
        let all = |model: &LocalModel| {
            let params = all_params();
            let runs = params.iter().enumerate().map(|(i, params)| {
                let mut request = request(i, params);
                if i % 3 == 2 {
                    request.constraint = Some(Constraint::Regex("[a-z ]{10,40}".into()));
                }
                model.generate(request).expect("it is accepted")
            });
            let runs: Vec<_> = runs.collect();
            runs.into_iter().map(finish).collect::<Vec<_>>()
        };
        let (gpu, host) = (all(&gpu), all(&host));
        for (i, (gpu, host)) in gpu.iter().zip(&host).enumerate() {
            assert!(!gpu.0.is_empty());
            // Where a row's logits do not depend on its neighbours, nor does its token.
            if rein::llama::Backend::has_cpu_kernels() {
                assert_eq!(gpu.0, host.0, "{i}");
            }
        }
    });
}

#[test]
fn rows_of_sequences_that_do_not_follow_each_other_are_told_apart() {
    on_device(&[], || {
        let model = load(GpuSampling::Reference);
        let sampling = SamplingParams::greedy();
        let endless = |i| {
            let ends = model.loaded().engine.model().vocab().ends();
            let mut request = request(i, &sampling);
            request.sampling.logit_bias = ends.map(|token| (token, f32::NEG_INFINITY)).collect();
            request.max_tokens = Some(100);
            request
        };
        let alone: Vec<_> = (0..4)
            .map(|i| finish(model.generate(endless(i)).expect("it is accepted")).0)
            .collect();
        let mut runs: Vec<_> = (0..4)
            .map(|i| Some(model.generate(endless(i)).expect("it is accepted")))
            .collect();
        wait_until("all decode", || {
            let slots = model.loaded().engine.slots();
            let decodes = |slot: &rein::engine::SlotView| {
                slot.run.as_ref().is_some_and(|run| run.n_decoded > 0)
            };
            slots.iter().all(decodes)
        });
        for i in [1, 2] {
            let stopped = runs[i].take().expect("it runs");
            stopped.stop_flag().set(StopCause::User);
        }
        for i in [0, 3] {
            let run = runs[i].take().expect("it runs");
            let tokens = finish(run).0;
            assert_eq!(tokens.len(), 100);
            if rein::llama::Backend::has_cpu_kernels() {
                assert_eq!(tokens, alone[i], "{i}");
            }
        }
    });
}
