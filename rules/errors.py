"""These errors say that an evaluation cannot be done. What is wrong with a training is no error, but a rule's evidence."""


class RuleError(Exception):
    """The evaluation cannot be done: one sentence that names what is wrong and what to do."""


class ParameterError(RuleError):
    """A rule, or a parameter of one, that is unknown or has no usable value."""


class SourceError(RuleError):
    """A folder or prefix that cannot be read, or a file in it that is not what it should be."""
