<?php
// The settings of WordPress, the same on all nodes. Nothing in it is secret: the database comes from the service's link.

/** Returns a variable of the link: from the environment of pages, or from the node's file where there is none. */
function conpaas_link($name) {
    static $variables = null;
    $name = "CONPAAS_MYSQL_$name";
    $value = getenv($name);
    if ($value !== false) {
        return $value;
    }
    if ($variables === null) {
        $variables = [];
        $lines = @file('/run/conpaas/links/mysql.env', FILE_IGNORE_NEW_LINES);
        foreach ($lines ?: [] as $line) {
            [$key, $text] = explode('=', $line, 2);
            $variables[$key] = $text;
        }
    }
    return $variables[$name] ?? '';
}

define('DB_HOST', conpaas_link('HOST') . ':' . conpaas_link('PORT'));
define('DB_NAME', conpaas_link('DATABASE'));
define('DB_USER', conpaas_link('USER'));
define('DB_PASSWORD', conpaas_link('PASSWORD'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

// The site answers under any address that leads to it.
$host = preg_replace('/[^A-Za-z0-9.:\[\]-]/', '', $_SERVER['HTTP_HOST'] ?? 'localhost');
$scheme = empty($_SERVER['HTTPS']) ? 'http' : 'https';
define('WP_HOME', "$scheme://$host");
define('WP_SITEURL', "$scheme://$host");

// Each node has its own copy of the program: a plugin that one of them installed would be missing on the others.
define('DISALLOW_FILE_MODS', true);
define('WP_DEBUG', false);

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
