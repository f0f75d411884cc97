//! Stops of embeddings: queued, in the middle of a batch, beside others, and what stays behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rein::embedding::EmbeddingJob;
use rein::llama::Token;
use rein::{
    EmbedInput, EmbedRequest, EmbeddingError, LoadOptions, LocalModel, Normalize, StopCause,
    StopFlag,
};

use super::embed::{embed, same};
use super::encoder::{EMBEDDER, assert_close, load_tiny};
use super::support::{SMOLLM, load, model_file, wait_until, words};

/// A request of inputs of so many tokens, each as long as it may be: seconds of work.
fn long_request(inputs: usize) -> EmbedRequest {
    let tokens =
        |seed: usize| (0..2000).map(move |i| Token((seed * 31 + i * 7) as i32 % 40_000 + 20));
    EmbedRequest {
        inputs: (0..inputs)
            .map(|seed| EmbedInput::Tokens(tokens(seed).collect()))
            .collect(),
        normalize: Normalize::default(),
    }
}

fn stopped(job: EmbeddingJob) -> Option<StopCause> {
    match job.wait() {
        Err(EmbeddingError::Stopped(cause)) => Some(cause),
        _ => None,
    }
}

fn busy(model: &LocalModel) -> usize {
    model.loaded().embedders.busy()
}

/// Makes the engine, so that what follows is computing.
fn warm(model: &LocalModel) {
    embed(model, &["Hello".to_owned()]);
}

/// Starts a request and waits until it is being computed.
fn computing(model: &LocalModel, request: EmbedRequest) -> EmbeddingJob {
    let job = model.embed(request).unwrap();
    // There is no other request, so the thread begins at once.
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(busy(model), 1);
    job
}

#[test]
fn a_stop_while_computing_frees_the_engine_for_others() {
    let model = load(SMOLLM, 2048);
    let texts: Vec<String> = (0..3).map(|i| words(i, 30)).collect();
    let expected = embed(&model, &texts);
    for _ in 0..3 {
        let victim = computing(&model, long_request(2));
        let other = model.embed(EmbedRequest::texts(texts.clone())).unwrap();
        let flag = victim.stop_flag().clone();
        let set = Instant::now();
        flag.set(StopCause::User);
        assert_eq!(stopped(victim), Some(StopCause::User));
        println!("let go of after {:?}", set.elapsed());
        assert!(flag.is_released());
        let rows = other.wait().unwrap().rows;
        for (a, b) in expected.rows.iter().zip(&rows) {
            same(a, b);
        }
    }
    assert_eq!(busy(&model), 0);
}

#[test]
fn a_stop_in_a_shared_batch_costs_the_others_nothing() {
    let model = load(SMOLLM, 2048);
    let texts: Vec<String> = (0..8).map(|i| words(i, 8)).collect();
    let expected = embed(&model, &texts);
    // Many requests of several short inputs share batches; every second one is stopped at some moment.
    let jobs: Vec<EmbeddingJob> = (0..6)
        .map(|_| model.embed(EmbedRequest::texts(texts.clone())).unwrap())
        .collect();
    let flags: Vec<StopFlag> = jobs.iter().map(|job| job.stop_flag().clone()).collect();
    let stopper = std::thread::spawn(move || {
        for flag in flags.iter().step_by(2) {
            std::thread::sleep(Duration::from_millis(60));
            flag.set(StopCause::User);
        }
    });
    for (number, job) in jobs.into_iter().enumerate() {
        match job.wait() {
            Ok(pooled) => {
                for (a, b) in expected.rows.iter().zip(&pooled.rows) {
                    same(a, b);
                }
            }
            Err(error) => {
                assert!(number % 2 == 0, "{error}");
                assert!(matches!(error, EmbeddingError::Stopped(StopCause::User)));
            }
        }
    }
    stopper.join().unwrap();
    assert_eq!(busy(&model), 0);
}

#[test]
fn a_queued_request_is_let_go_of_at_once() {
    let model = load(SMOLLM, 2048);
    warm(&model);
    let running = computing(&model, long_request(1));
    let queued = model.embed(EmbedRequest::texts(["Hello"])).unwrap();
    queued.stop_flag().set(StopCause::User);
    assert!(queued.stop_flag().is_released());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let answer = runtime.block_on(queued.result());
    assert!(matches!(
        answer,
        Err(EmbeddingError::Stopped(StopCause::User))
    ));
    // Its answer did not wait for the one that is running.
    assert!(!running.stop_flag().is_released());

    let flag = StopFlag::new();
    flag.set(StopCause::Deadline);
    let before = model.embed_with(EmbedRequest::texts(["Hello"]), &flag);
    drop(running);
    assert_eq!(before.ok().and_then(stopped), Some(StopCause::Deadline));
    wait_until("everything is idle", || busy(&model) == 0);
}

#[test]
fn a_full_queue_refuses() {
    let options = LoadOptions {
        context: 2048,
        threads: 2,
        max_queue: 3,
        ..LoadOptions::default()
    };
    let model = LocalModel::load(model_file(SMOLLM), options).unwrap();
    warm(&model);
    let accepted: Vec<_> = (0..3)
        .map(|_| model.embed(long_request(1)).unwrap())
        .collect();
    let flag = StopFlag::new();
    let refused = model.embed_with(EmbedRequest::texts(["Hello"]), &flag);
    assert!(matches!(
        refused,
        Err(EmbeddingError::QueueFull { waiting: 3 })
    ));
    assert!(flag.is_released());
    drop(accepted);
    wait_until("there is room", || busy(&model) == 0);
    warm(&model);
}

#[test]
fn closing_ends_every_request_with_the_cause() {
    let model = load(SMOLLM, 2048);
    warm(&model);
    let jobs: Vec<_> = (0..4)
        .map(|_| model.embed(long_request(2)).unwrap())
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    model.loaded().close(StopCause::Unload);
    for job in jobs {
        assert_eq!(stopped(job), Some(StopCause::Unload));
    }
    assert_eq!(busy(&model), 0);
    let refused = model.embed(EmbedRequest::texts(["Hello"])).unwrap_err();
    assert!(matches!(refused, EmbeddingError::Closed), "{refused}");
}

#[test]
fn a_flag_serves_one_request() {
    let model = load_tiny(EMBEDDER, LoadOptions::default());
    let flag = StopFlag::new();
    let request = || EmbedRequest::texts(["winter"]);
    model.embed_with(request(), &flag).unwrap().wait().unwrap();
    let flag = StopFlag::new();
    assert!(flag.begin());
    let again = model.embed_with(request(), &flag).unwrap().wait();
    assert!(again.unwrap_err().to_string().contains("each one its own"));
    assert_eq!(busy(&model), 0);
}

#[test]
fn two_thousand_requests_with_random_stops_leave_nothing_behind() {
    const CLIENTS: usize = 4;
    const REQUESTS: usize = 2000;
    let options = LoadOptions {
        threads: 2,
        ..LoadOptions::default()
    };
    let model = load_tiny(EMBEDDER, options);
    let texts: Vec<String> = (0..60).map(|i| words(i, i % 9)).collect();
    let expected = embed(&model, &texts);
    let finished = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (model, texts, expected, finished) = (&model, &texts, &expected, &finished);
            scope.spawn(move || {
                for i in 0..REQUESTS / CLIENTS {
                    let seed = client * 7919 + i * 104_729;
                    let chosen: Vec<usize> =
                        (0..=seed % 4).map(|k| (seed / 7 + k * 11) % 60).collect();
                    let inputs = chosen.iter().map(|&at| texts[at].clone());
                    let job = model.embed(EmbedRequest::texts(inputs)).unwrap();
                    let flag = job.stop_flag().clone();
                    std::thread::sleep(Duration::from_micros((seed % 5 * 150) as u64));
                    match seed % 3 {
                        0 => drop(job),
                        stops => {
                            if stops == 1 {
                                flag.set(StopCause::User);
                            }
                            match job.wait() {
                                Ok(pooled) => {
                                    finished.fetch_add(1, Ordering::Relaxed);
                                    for (row, &at) in pooled.rows.iter().zip(&chosen) {
                                        assert_close(row, &expected.rows[at]);
                                    }
                                }
                                Err(EmbeddingError::Stopped(cause)) => {
                                    assert_eq!((stops, cause), (1, StopCause::User));
                                }
                                Err(error) => panic!("{error}"),
                            }
                            assert!(flag.is_released());
                        }
                    }
                }
            });
        }
    });
    wait_until("everything is idle", || busy(&model) == 0);
    println!("{} of {REQUESTS} came to their end", finished.into_inner());
    warm(&model);
}
