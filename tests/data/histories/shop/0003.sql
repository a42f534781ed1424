CREATE TABLE customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT,
    vip BOOLEAN NOT NULL DEFAULT 0,
    initial TEXT GENERATED ALWAYS AS (upper(substr(name, 1, 1))) STORED
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER REFERENCES customers(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    total DECIMAL(10,2),
    placed DATETIME DEFAULT CURRENT_TIMESTAMP,
    note TEXT,
    CONSTRAINT positive CHECK (total >= 0 OR total IS NULL)
);
CREATE TABLE lines (
    "order" INTEGER NOT NULL REFERENCES orders,
    line INTEGER NOT NULL,
    sku TEXT NOT NULL ON CONFLICT IGNORE,
    PRIMARY KEY ("order", line)
) WITHOUT ROWID;
CREATE INDEX orders_by_customer ON orders(customer, placed DESC) WHERE customer IS NOT NULL;
CREATE UNIQUE INDEX one_name ON customers(lower(name)) WHERE vip;
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 1000;
CREATE TRIGGER vip_after_ten AFTER INSERT ON orders
WHEN (SELECT count(*) FROM orders WHERE customer = NEW.customer) > 10
BEGIN
    UPDATE customers SET vip = 1 WHERE id = NEW.customer;
END;
CREATE TRIGGER into_view INSTEAD OF INSERT ON big_orders BEGIN INSERT INTO orders(total) VALUES (NEW.total); END;
