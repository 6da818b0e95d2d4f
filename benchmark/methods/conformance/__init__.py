"""The conformance kit: the rules that every method keeps."""
