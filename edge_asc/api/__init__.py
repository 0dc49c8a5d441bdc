"""What joins several packages behind one name of `import edge_asc as ea`: runs and complexity.

A name that is one package's own work lives there (`load` in `runtime`, `preset` in `config`,
`trace` in `graph`); here is what goes over training, quantisation, export and evaluation at once.
"""
