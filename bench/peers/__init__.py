"""What Paddlewheel is measured against, written as people write it."""
