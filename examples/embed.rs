//! Embeds texts, or scores documents against a query, and prints JSON.
//!
//! ```sh
//! cargo run --release --example embed -- model.gguf "A cat sat." "The kitten rests."
//! cargo run --release --example embed -- reranker.gguf --query "What do pandas eat?" "Bamboo." "Paris."
//! ```

use rein::{EmbedRequest, LoadOptions, LocalModel, RerankRequest};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: embed MODEL.gguf [--query QUERY] TEXT...")?;
    let mut texts: Vec<String> = args.collect();
    let query = (texts.first().map(String::as_str) == Some("--query") && texts.len() > 1)
        .then(|| texts.drain(..2).nth(1))
        .flatten();

    let model = LocalModel::load(path, LoadOptions::default())?;
    if let Some(query) = query {
        let request = RerankRequest {
            query,
            documents: texts,
        };
        let scores = model.rerank(&request)?.wait()?;
        println!("{}", serde_json::to_string(&scores.scores)?);
    } else {
        let embeddings = model.embed(EmbedRequest::texts(texts))?.wait()?;
        for row in &embeddings.rows {
            println!("{}", serde_json::to_string(row)?);
        }
    }
    Ok(())
}
