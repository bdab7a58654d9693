"""The rules themselves: what each looks for, with which parameters, and the evaluation of one over a job."""
