//! llama-server's routes about tokens and templates.

use utoipa::ToSchema;

/// A text to make into tokens.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"content": "Hello world"}), json!({"content": "Hello", "with_pieces": true})))]
pub struct TokenizeRequest {
    /// The text, of up to 4 MiB.
    #[schema(max_length = 4_194_304)]
    pub content: String,
    /// Whether the tokens that the model wants around a text are added.
    #[schema(default = false)]
    pub add_special: Option<bool>,
    /// Whether control tokens that are written out in the text are read as such.
    #[schema(default = true)]
    pub parse_special: Option<bool>,
    /// Whether each token comes with its text.
    #[schema(default = false)]
    pub with_pieces: Option<bool>,
}

/// Tokens: their ids, or objects with their texts where those were asked for.
#[derive(Debug, ToSchema)]
pub struct TokenizeResponse {
    /// In the order of the text.
    pub tokens: Vec<TokenOrPiece>,
}

/// A token.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum TokenOrPiece {
    /// Its id.
    Id(u32),
    /// With its text.
    Piece(TokenPiece),
}

/// A token with its text.
#[derive(Debug, ToSchema)]
pub struct TokenPiece {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub piece: TokenText,
}

/// A text; a list of bytes where they are no whole characters.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum TokenText {
    /// Whole characters.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Tokens to make into a text.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"tokens": [19556, 905]})))]
pub struct DetokenizeRequest {
    /// Their ids.
    pub tokens: Vec<u32>,
}

/// A text.
#[derive(Debug, ToSchema)]
pub struct DetokenizeResponse {
    /// The text.
    pub content: String,
}

/// A conversation as the model reads it.
#[derive(Debug, ToSchema)]
pub struct ApplyTemplateResponse {
    /// The prompt.
    pub prompt: String,
}
