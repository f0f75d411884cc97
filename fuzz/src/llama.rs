#[path = "../../src/llama/error.rs"]
mod error;
#[path = "../../src/llama/kv_type.rs"]
mod kv_type;
#[path = "../../src/llama/token.rs"]
mod token;
pub use error::LlamaError;
pub use kv_type::{KvType, UnknownKvType};
pub use token::Token;
pub struct TokenizeOptions {
    pub add_special: bool,
    pub parse_special: bool,
}
#[derive(Debug)]
pub enum Vocab {}
impl Vocab {
    pub fn len(&self) -> usize {
        match *self {}
    }
    pub fn tokenize(&self, _: &str, _: TokenizeOptions) -> Result<Vec<Token>, LlamaError> {
        match *self {}
    }
    pub fn is_end_of_generation(&self, _: Token) -> bool {
        match *self {}
    }
    pub fn is_control(&self, _: Token) -> bool {
        match *self {}
    }
    pub fn text(&self, _: Token) -> Result<String, LlamaError> {
        match *self {}
    }
    pub fn append_bytes(&self, _: Token, _: bool, _: &mut Vec<u8>) -> Result<(), LlamaError> {
        match *self {}
    }
}
