CREATE TABLE customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL,
    name TEXT,
    phone TEXT
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER REFERENCES customers(id),
    total TEXT,
    placed DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX orders_by_customer ON orders(customer);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 1000;
