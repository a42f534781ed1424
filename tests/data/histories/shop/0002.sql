CREATE TABLE customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT,
    phone TEXT,
    vip BOOLEAN NOT NULL DEFAULT 0
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER REFERENCES customers(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    total DECIMAL(10,2),
    placed DATETIME DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT positive CHECK (total >= 0 OR total IS NULL)
);
CREATE INDEX orders_by_customer ON orders(customer, placed DESC) WHERE customer IS NOT NULL;
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 1000;
CREATE TRIGGER vip_after_ten AFTER INSERT ON orders
WHEN (SELECT count(*) FROM orders WHERE customer = NEW.customer) > 10
BEGIN
    UPDATE customers SET vip = 1 WHERE id = NEW.customer;
END;
