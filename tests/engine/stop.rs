//! Stops: in every phase, beside others, and what stays behind.

use rein::generation::tokenize;
use rein::models::LoadError;
use rein::{
    FinishReason, Generation, LoadOptions, LocalModel, OpenError, Prompt, StopCause, StopFlag,
};

use super::replay::replay;
use super::support::{
    GEMMA, SMOLLM, endless, ends, finish, greedy, is_idle, load, model_file, wait_until, words,
};

/// Waits until the run has computed something of its prompt, but not all.
fn wait_for_prefill(model: &LocalModel) {
    wait_until("a prompt is being read", || {
        let slots = model.loaded().engine.slots();
        slots
            .iter()
            .filter_map(|slot| slot.run.as_ref())
            .any(|run| {
                let done = run.n_cached + run.n_prompt_computed;
                run.n_prompt_computed > 0 && done < run.n_prompt
            })
    });
}

fn stop_and_wait(run: &Generation) {
    run.stop_flag().set(StopCause::User);
    let flag = run.stop_flag().clone();
    wait_until("the engine lets go", || flag.is_released());
}

#[test]
fn a_stop_in_the_prompt_ends_the_run_and_keeps_what_was_computed() {
    let model = load(SMOLLM, 4096);
    let run = model.generate(greedy(words(1, 1500), 50)).unwrap();
    wait_for_prefill(&model);
    stop_and_wait(&run);
    let answer = finish(run);
    assert_eq!(
        answer.summary.reason,
        FinishReason::Stopped(StopCause::User)
    );
    assert_eq!(answer.text, "");
    assert!(is_idle(&model));

    let again = finish(model.generate(greedy(words(1, 1500), 1)).unwrap());
    assert!(again.summary.usage.cached_tokens >= answer.summary.timings.prompt_computed);
    assert!(again.summary.usage.cached_tokens > 0);
}

#[test]
fn a_stopped_answer_goes_on_without_computing_a_token_twice() {
    let model = load(SMOLLM, 2048);
    let mut run = model
        .generate(endless(&model, "Once upon a time", 1000))
        .unwrap();
    let mut text = String::new();
    while text.len() < 40 {
        if let Some(rein::Delta::Text { text: more, .. }) = run.next_blocking() {
            text.push_str(&more);
        }
    }
    stop_and_wait(&run);
    let rest = finish(run);
    let mut tokens = tokenize(model.loaded(), &Prompt::Text("Once upon a time".into())).unwrap();
    let n_prompt = tokens.len();
    // What came before `finish` was text; its tokens are those of the whole answer.
    let whole = text + &rest.text;
    tokens.extend(
        model
            .loaded()
            .engine
            .model()
            .vocab()
            .tokenize(
                &whole,
                rein::llama::TokenizeOptions {
                    add_special: false,
                    parse_special: false,
                },
            )
            .unwrap(),
    );
    let mut request = greedy("", 1);
    request.prompt = Prompt::Tokens(tokens.clone());
    let next = finish(model.generate(request).unwrap());
    assert!(
        next.summary.usage.cached_tokens as usize > n_prompt,
        "{:?}",
        next.summary.usage
    );
}

#[test]
fn stops_beside_others_lose_repeat_and_garble_nothing() {
    for name in [SMOLLM, GEMMA] {
        let model = load(name, 4096);
        let prompts: Vec<String> = (0..3)
            .map(|i| format!("Chapter {i}. It was a dark and stormy night, and"))
            .collect();
        let others: Vec<Generation> = prompts
            .iter()
            .map(|prompt| {
                model
                    .generate(endless(&model, prompt.clone(), 160))
                    .unwrap()
            })
            .collect();
        let others_flags: Vec<StopFlag> =
            others.iter().map(|run| run.stop_flag().clone()).collect();
        let readers: Vec<_> = others
            .into_iter()
            .map(|run| std::thread::spawn(move || finish(run)))
            .collect();
        let mut seed = 0;
        while others_flags.iter().any(|flag| !flag.is_released()) {
            seed += 1;
            let victim = model
                .generate(endless(&model, words(seed, 700), 1000))
                .unwrap();
            let flag = victim.stop_flag().clone();
            // Odd victims are stopped somewhere in their prompt, even ones by a vanished reader.
            std::thread::sleep(std::time::Duration::from_millis((seed as u64 * 37) % 200));
            if seed % 2 == 0 {
                flag.set(StopCause::User);
            }
            drop(victim);
            wait_until("the victim is let go of", || flag.is_released());
        }
        assert!(seed > 3, "too few victims to mean anything: {seed}");
        let banned = ends(&model);
        for (prompt, reader) in prompts.into_iter().zip(readers) {
            let answer = reader.join().unwrap();
            assert_eq!(answer.summary.reason, FinishReason::Length);
            assert_eq!(answer.tokens.len(), 160);
            let prompt = tokenize(model.loaded(), &Prompt::Text(prompt)).unwrap();
            replay(&model, &prompt, &answer.tokens, &banned).assert_good();
        }
    }
}

#[test]
fn a_queued_run_is_let_go_of_without_the_decode_thread() {
    let model = load(SMOLLM, 2048);
    let busy: Vec<_> = (0..4)
        .map(|i| model.generate(endless(&model, words(i, 30), 1500)).unwrap())
        .collect();
    wait_until("all sequences are taken", || {
        model
            .loaded()
            .engine
            .slots()
            .iter()
            .all(|slot| slot.run.is_some())
    });
    let queued = model.generate(greedy("Hello", 5)).unwrap();
    queued.stop_flag().set(StopCause::User);
    assert!(
        queued.stop_flag().is_released(),
        "a stop of a queued run needs nobody's help"
    );
    let answer = finish(queued);
    assert_eq!(
        answer.summary.reason,
        FinishReason::Stopped(StopCause::User)
    );
    assert_eq!(answer.summary.usage.completion_tokens, 0);
    drop(busy);
    wait_until("everything is idle", || is_idle(&model));
}

#[test]
fn a_load_can_be_stopped_before_and_while_it_runs() {
    let flag = StopFlag::new();
    flag.set(StopCause::User);
    let outcome = LocalModel::load_stoppable(model_file(GEMMA), LoadOptions::default(), &flag);
    assert!(
        matches!(outcome, Err(OpenError::Load(LoadError::Stopped))),
        "{outcome:?}"
    );

    let flag = StopFlag::new();
    let theirs = flag.clone();
    let loading = std::thread::spawn(move || {
        LocalModel::load_stoppable(model_file(GEMMA), LoadOptions::default(), &theirs)
    });
    std::thread::sleep(std::time::Duration::from_millis(30));
    flag.set(StopCause::User);
    let outcome = loading.join().unwrap();
    assert!(
        matches!(outcome, Err(OpenError::Load(LoadError::Stopped))),
        "{outcome:?}"
    );
    assert!(flag.is_released());
}

#[test]
fn closing_the_engine_ends_every_run_with_the_cause() {
    let model = load(SMOLLM, 2048);
    let runs: Vec<_> = (0..6)
        .map(|i| {
            model
                .generate(endless(&model, words(i, 200), 1000))
                .unwrap()
        })
        .collect();
    model.loaded().engine.close(StopCause::Unload);
    for run in runs {
        assert_eq!(
            finish(run).summary.reason,
            FinishReason::Stopped(StopCause::Unload)
        );
    }
    let refused = model.generate(greedy("Hello", 5)).unwrap_err();
    assert!(refused.to_string().contains("not running"), "{refused}");
}
