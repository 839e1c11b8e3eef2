-- The shop's orders.
CREATE SCHEMA shop;
CREATE TABLE shop.orders (number text PRIMARY KEY, customer text NOT NULL, ordered_on date NOT NULL);
INSERT INTO shop.orders VALUES
    ('4711', '123', '2026-11-02'),
    ('4523', '123', '2026-09-17'),
    ('4600', '200', '2026-10-01');
