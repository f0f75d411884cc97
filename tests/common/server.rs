//! [`TestServer`]: a real server in this process, and clients to talk to it.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use rein::LoadOptions;
use rein::models::{ModelRegistry, identify};
use rein::server::{AppState, ServerConfig, serve};
use rein::stop::StopFlag;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use super::models;

pub const CHAT: &str = "/v1/chat/completions";

/// No wait in the tests is meant to last this long: it only tells a hang from a slow machine.
pub const HANG: Duration = Duration::from_secs(120);

/// Awaits with [`HANG`] as the limit.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future)
        .await
        .unwrap_or_else(|_| panic!("hangs: {what}"))
}

/// What a test server is like.
#[derive(Debug, Clone)]
pub struct Setup {
    pub config: ServerConfig,
    /// Whether `SmolLM2` is loaded before the server answers.
    pub model: bool,
    /// Bytes of the kernel's send buffer of each connection; small ones let backpressure be felt early.
    pub send_buffer: Option<u32>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: ServerConfig {
                load: LoadOptions {
                    context: 2048,
                    parallel: 4,
                    // One thread does not have to wait for others on a machine that is busy otherwise.
                    threads: 1,
                    ..LoadOptions::default()
                },
                ..ServerConfig::default()
            },
            model: true,
            send_buffer: None,
        }
    }
}

/// A server with a runtime of its own. Dropping it shuts it down and waits for its end.
pub struct TestServer {
    pub address: SocketAddr,
    pub state: AppState,
    client: reqwest::Client,
    shutdown: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shut_down();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the server ended without a panic");
            }
        }
    }
}

/// An answer that is complete.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of an error.
    pub fn code(&self) -> Value {
        self.json()["error"]["code"].clone()
    }
}

impl TestServer {
    /// `SmolLM2` with four sequences of 2048 tokens.
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        let models = ModelRegistry::new();
        if setup.model {
            let path = models::smollm2();
            let file = identify(&path.to_string_lossy(), None).expect("a model file");
            let options = setup.config.load.clone();
            models
                .load(file, options, false, &StopFlag::new())
                .expect("the model loads");
        }
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let state = AppState::new(setup.config, models, metrics);
        let (shutdown, down) = watch::channel(false);
        let (tell, told) = std::sync::mpsc::channel();
        let served = state.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let socket = TcpSocket::new_v4().expect("a socket");
                if let Some(bytes) = setup.send_buffer {
                    // Accepted connections inherit it.
                    socket.set_send_buffer_size(bytes).expect("a send buffer");
                }
                socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
                let listener = socket.listen(128).expect("a listener");
                tell.send(listener.local_addr().expect("an address"))
                    .expect("the test waits");
                serve(listener, served, down)
                    .await
                    .expect("the server serves");
            });
        });
        Self {
            address: told.recv().expect("the server starts"),
            state,
            client: reqwest::Client::new(),
            shutdown,
            thread: Some(thread),
        }
    }

    /// Tells the server to end, as the first SIGTERM does.
    pub fn shut_down(&self) {
        self.shutdown.send_replace(true);
    }

    /// Waits until the server has ended.
    pub async fn ended(&self) {
        let done = || self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        until("the server ends", async || done()).await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub async fn get(&self, path: &str) -> Reply {
        complete(self.client.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        complete(self.client.post(self.url(path)).json(body)).await
    }

    /// Posts bytes that need not be JSON.
    pub async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        complete(self.client.post(self.url(path)).body(body.into())).await
    }

    /// Posts and gives the events as they come. The status must be 200.
    pub async fn events(&self, path: &str, body: &Value) -> Events {
        let request = self.client.post(self.url(path)).json(body);
        let response = within("the head of a stream", request.send())
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200, "{body}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            response,
            buffer: Vec::new(),
        }
    }

    /// A chat stream.
    pub async fn chat(&self, body: &Value) -> Events {
        self.events(CHAT, body).await
    }

    /// Stops by the ids in `body` and returns how many runs were reached.
    pub async fn cancel(&self, body: Value) -> Value {
        let reply = self.post("/api/inference/cancel", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["cancelled"].clone()
    }

    /// A connection of which every byte is the test's own. `receive_buffer` in bytes, where it matters.
    pub async fn connect(&self, receive_buffer: Option<u32>) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = receive_buffer {
            socket
                .set_recv_buffer_size(bytes)
                .expect("a receive buffer");
        }
        socket.connect(self.address).await.expect("a connection")
    }

    /// Sends bytes on a connection of their own and reads until the server closes it.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect(None).await;
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = within("a raw answer", stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Posts JSON on a raw connection, which then waits to be read or dropped.
    pub async fn post_raw(
        &self,
        path: &str,
        body: &Value,
        receive_buffer: Option<u32>,
    ) -> TcpStream {
        let mut stream = self.connect(receive_buffer).await;
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the request is sent");
        stream
    }

    /// `GET /slots`.
    pub async fn slots(&self) -> Vec<Value> {
        let reply = self.get("/slots").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json().as_array().expect("a list").clone()
    }

    /// The slots that have a run.
    pub async fn busy_slots(&self) -> Vec<Value> {
        let slots = self.slots().await;
        slots
            .into_iter()
            .filter(|slot| slot["is_processing"] == true)
            .collect()
    }

    /// Waits until `n` runs have drawn a token.
    pub async fn until_decoding(&self, n: usize) {
        until("runs decode", async || {
            let slots = self.busy_slots().await;
            slots.iter().filter(|slot| decoded(slot) > 0).count() >= n
        })
        .await;
    }

    /// Waits until nothing computes, nothing waits, and no run is registered.
    pub async fn until_idle(&self) {
        until("the server is idle", async || {
            let waiting = self
                .state
                .models
                .current()
                .map_or(0, |model| model.engine.waiting());
            waiting == 0 && self.state.stops.is_empty() && self.busy_slots().await.is_empty()
        })
        .await;
    }

    /// Asks for a short answer, and gets it.
    pub async fn answers(&self) {
        let reply = self.post(CHAT, &chat("Hi!", 3)).await;
        assert_eq!(
            reply.status, 200,
            "the server still answers: {}",
            reply.body
        );
        assert!(
            reply.json()["usage"]["completion_tokens"].as_u64() > Some(0),
            "{}",
            reply.body
        );
    }

    /// `logit_bias` that keeps the loaded model from ending its answer, so that only limits and stops do.
    pub fn never_ends(&self) -> Value {
        let model = self.state.models.current().expect("a model is loaded");
        let vocab = model.engine.model().vocab();
        vocab
            .ends()
            .map(|token| (token.0.to_string(), json!(-100)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// A stream of exactly `max_tokens` tokens, unless it is stopped.
    pub fn long(&self, max_tokens: u32) -> Value {
        let mut body = chat("Tell a long story.", max_tokens);
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
        body["logit_bias"] = self.never_ends();
        body
    }

    /// The same, with a prompt of more than `words` tokens that no other prompt begins like.
    pub fn long_prompt(&self, words: usize, max_tokens: u32) -> Value {
        let mut body = self.long(max_tokens);
        let text = format!(
            "{} {}",
            uuid::Uuid::new_v4(),
            "one two three four ".repeat(words / 4)
        );
        body["messages"] = json!([{"role": "user", "content": text}]);
        body
    }
}

/// Tokens that a slot's run has drawn.
pub fn decoded(slot: &Value) -> u64 {
    slot["next_token"][0]["n_decoded"]
        .as_u64()
        .expect("a number")
}

/// Asks again and again, until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn complete(request: reqwest::RequestBuilder) -> Reply {
    within("a whole answer", async {
        let response = request.send().await.expect("an answer");
        Reply {
            status: response.status().as_u16(),
            body: response.text().await.expect("a body"),
        }
    })
    .await
}

/// One user message, greedy.
pub fn chat(text: &str, max_tokens: u32) -> Value {
    json!({
        "messages": [{"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": max_tokens,
    })
}

/// The same body with other values for some fields.
pub fn with(mut body: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    body.as_object_mut().expect("an object").extend(fields);
    body
}

/// The `data:` of server-sent events, one by one. Dropping it closes the connection.
pub struct Events {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The next frame's data; `None` once the stream has ended.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let frame = String::from_utf8(frame).expect("frames are UTF-8");
                if frame.starts_with(':') {
                    continue;
                }
                let data = frame.strip_prefix("data: ").expect("a data frame");
                return Some(data.trim_end().to_owned());
            }
            let chunk = within("the next event", self.response.chunk()).await;
            let Some(bytes) = chunk.expect("a whole stream") else {
                assert!(self.buffer.is_empty(), "no half frame at the end");
                return None;
            };
            self.buffer.extend_from_slice(&bytes);
        }
    }

    /// All that is left.
    pub async fn rest(mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(data) = self.next().await {
            all.push(data);
        }
        all
    }

    /// The whole of a chat stream, its frames checked.
    pub async fn answer(self) -> Answer {
        Answer::of(&self.rest().await)
    }
}

/// A chat stream that ended as streams should.
#[derive(Debug)]
pub struct Answer {
    pub id: String,
    pub text: String,
    pub reason: String,
    /// Frames with text.
    pub pieces: usize,
    /// The usage chunk, where there was one.
    pub usage: Option<Value>,
}

impl Answer {
    /// Reads the frames of a chat stream, and checks that they are those that belong there, in order:
    /// role, text, reason, perhaps usage, `[DONE]`.
    pub fn of(frames: &[String]) -> Self {
        let (last, chunks) = frames.split_last().expect("frames");
        assert_eq!(last, "[DONE]", "{frames:?}");
        let mut chunks: Vec<Value> = chunks
            .iter()
            .map(|data| {
                serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
            })
            .collect();
        for chunk in &chunks {
            assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
            assert_eq!(chunk["id"], chunks[0]["id"], "{chunk}");
            assert!(
                chunk["created"].is_u64() && chunk["model"].is_string(),
                "{chunk}"
            );
        }
        let has_usage = chunks
            .last()
            .is_some_and(|chunk| chunk.get("usage").is_some());
        let usage = if has_usage { chunks.pop() } else { None };
        if let Some(chunk) = &usage {
            assert_eq!(chunk["choices"], json!([]), "{chunk}");
        }
        let end = chunks.pop().expect("a final chunk");
        assert_eq!(end["choices"][0]["delta"], json!({}), "{end}");
        let first = chunks.remove(0);
        assert_eq!(
            first["choices"],
            json!([{"index": 0, "delta": {"role": "assistant"}}]),
            "the first chunk has the role"
        );
        let text = |chunk: &Value| {
            let choice = &chunk["choices"][0];
            assert!(choice.get("finish_reason").is_none(), "{chunk}");
            choice["delta"]["content"]
                .as_str()
                .unwrap_or_else(|| panic!("text in {chunk}"))
                .to_owned()
        };
        Self {
            id: first["id"].as_str().expect("an id").to_owned(),
            text: chunks.iter().map(text).collect(),
            reason: end["choices"][0]["finish_reason"]
                .as_str()
                .expect("a reason")
                .to_owned(),
            pieces: chunks.len(),
            usage: usage.map(|chunk| chunk["usage"].clone()),
        }
    }

    /// A count of the usage chunk.
    pub fn tokens(&self, name: &str) -> u64 {
        let usage = self.usage.as_ref().expect("usage was asked for");
        usage[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} in {usage}"))
    }
}
