//! The data plane: admits and releases under every limit of the running licence.
