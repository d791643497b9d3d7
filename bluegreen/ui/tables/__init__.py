"""One table per question: plan, status, history, doctor, forecast, baseline."""
