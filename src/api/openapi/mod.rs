//! The `OpenAPI` document: types that say what requests and answers look like, and [`document`], which makes the document
//! from what the routes collected about themselves.
//!
//! Requests are read by hand ([`Fields`](super::fields::Fields)), for the sake of their errors. So the types of their bodies here
//! are never filled, they only describe; tests (`server::docs`) hold them to what the parsers read, accept and refuse.

mod answer;
mod chat;
mod chat_answer;
mod completions;
mod document;
mod embeddings;
mod errors;
mod fields;
mod health;
mod messages;
mod rerank;
mod sampling;
mod simplify;
mod studio;
mod tokens;
mod tools;
mod unsupported;

pub use answer::{CompletionTokensDetails, PromptProgress, PromptTokensDetails, Timings, Usage};
pub use chat::{ChatCompletionRequest, ReasoningEffort, ReasoningFormat, TemplateVariables};
pub use chat_answer::{
    ChatChoice, ChatChunkChoice, ChatCompletion, ChatCompletionChunk, ChatDelta, ChatLogprobs,
    ChatReply, FinishReason, ScoredToken, TokenLogprob,
};
pub use completions::{
    Completion, CompletionChoice, CompletionChunk, CompletionLogprobs, CompletionRequest, TokenIds,
    TokenInput, TokenInputList, TokenInputs,
};
pub use document::{Rules, base, document};
pub use embeddings::{EmbeddingsRequest, EncodingFormat};
pub use errors::{
    BodyErrors, ErrorDetail, ErrorResponse, GenerationErrors, LoadErrors, ModelErrors,
    PooledErrors, RunErrors, StudioErrorResponse, UnknownModel, WorkErrors,
};
pub use fields::{
    FormFields, IdFields, JsonSchemaFormat, LengthFields, ResponseFormat, ResponseFormatType, Stop,
    StopText, StopTexts, StreamFields, StreamOptions,
};
pub use health::{LivezResponse, ReadyzProblem};
pub use messages::{ChatMessage, ContentPart, MessageContent, MessageRole};
pub use rerank::{RankedDocument, RankedText, RerankRequest};
pub use sampling::SamplingFields;
pub use studio::{
    CancelRequest, CancelResponse, GenerateChunk, GenerateStreamRequest, LoadRequest,
    UnloadRequest, ValidateRequest,
};
pub use tokens::{
    ApplyTemplateResponse, DetokenizeRequest, DetokenizeResponse, TokenOrPiece, TokenPiece,
    TokenText, TokenizeRequest, TokenizeResponse,
};
pub use tools::{
    CallArguments, CalledFunction, FunctionDefinition, MadeCall, MadeCallPiece, MadeFunction,
    MadeFunctionPiece, NamedFunction, NamedTool, Tool, ToolCall, ToolChoice, ToolChoiceWord,
    ToolType,
};
