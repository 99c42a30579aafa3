"""Weights, trained models and what keeps their files whole.

    weights      save_params, load_params: a safetensors file with paths as names
    runs         save_fit, load_fit: a trained model, to be used again with its build
    exporting    export_model, load_model: a model that runs without its code

Nothing that is read can execute code, and a damaged file is refused by its name. The
package itself imports none of these, so that rooms below ``fitting`` can use ``files``.
"""
