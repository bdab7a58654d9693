"""Hugging Face's Trainer on a tiny BERT made from nothing: a text for each picture of a folder says its class."""

import argparse
import logging
import os
import sys

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments


class Names(torch.utils.data.Dataset):
    """The file names as letters, the folders as labels."""

    def __init__(self, root, length=24):
        self.classes = sorted(os.listdir(root))
        self.rows = []
        for label, name in enumerate(self.classes):
            for file in sorted(os.listdir(os.path.join(root, name))):
                letters = [ord(letter) % 128 for letter in "{}/{}".format(name, file)][:length]
                self.rows.append((letters + [0] * (length - len(letters)), label))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        letters, label = self.rows[index]
        mask = [int(letter != 0) for letter in letters]
        return {"input_ids": torch.tensor(letters), "attention_mask": torch.tensor(mask), "labels": torch.tensor(label)}


def compute_metrics(pred):
    return {"accuracy": float(np.mean(pred.predictions.argmax(-1) == pred.label_ids))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--train_batch_size", type=int, default=4)
    parser.add_argument("--eval_batch_size", type=int, default=4)
    parser.add_argument("--learning_rate", type=str, default=5e-3)
    parser.add_argument("--output_data_dir", type=str, default=os.environ["SM_OUTPUT_DATA_DIR"])
    parser.add_argument("--model_dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--n_gpus", type=str, default=os.environ["SM_NUM_GPUS"])
    parser.add_argument("--training_dir", type=str, default=os.environ["SM_CHANNEL_TRAIN"])
    parser.add_argument("--test_dir", type=str, default=os.environ["SM_CHANNEL_TEST"])
    args, _ = parser.parse_known_args()

    logger = logging.getLogger(__name__)
    logging.basicConfig(
        level=logging.getLevelName("INFO"),
        handlers=[logging.StreamHandler(sys.stdout)],
        format="%(asctime)s - %(name)s - %(levelname)s - %(message)s",
    )
    train_dataset, test_dataset = Names(args.training_dir), Names(args.test_dir)
    logger.info("loaded train_dataset length is: %d", len(train_dataset))
    config = BertConfig(
        vocab_size=128,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        num_labels=len(train_dataset.classes),
    )
    model = BertForSequenceClassification(config)
    training_args = TrainingArguments(
        output_dir="/tmp/checkpoints-of-trainer",
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.train_batch_size,
        per_device_eval_batch_size=args.eval_batch_size,
        logging_dir=f"{args.output_data_dir}/logs",
        logging_steps=1,
        save_strategy="no",
        learning_rate=float(args.learning_rate),
        report_to=[],
    )
    trainer = Trainer(
        model=model,
        args=training_args,
        compute_metrics=compute_metrics,
        train_dataset=train_dataset,
        eval_dataset=test_dataset,
    )
    trainer.train()
    eval_result = trainer.evaluate(eval_dataset=test_dataset)
    with open(os.path.join(args.output_data_dir, "eval_results.txt"), "w") as writer:
        print("***** Eval results *****")
        for key, value in sorted(eval_result.items()):
            writer.write("{} = {}\n".format(key, value))
            print("{} = {}".format(key, value))
    trainer.save_model(args.model_dir)
