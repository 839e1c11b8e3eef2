-- A role for the assistant, which may read the shop's orders and nothing else.
CREATE ROLE shop_reader LOGIN PASSWORD 'tea';
GRANT USAGE ON SCHEMA shop TO shop_reader;
GRANT SELECT ON shop.orders TO shop_reader;
